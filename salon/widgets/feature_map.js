// The feature map: a canvas of points, thumbnails under the pointer, a lasso, and the probes beside it.

const NEAR = 14, SIZE = 4.2, MOST = 24; // pixels, pixels, thumbnails shown of a selection
const SHAPES = [
  (path, x, y, r) => path.arc(x, y, r, 0, 2 * Math.PI),
  (path, x, y, r) => path.rect(x - r, y - r, 2 * r, 2 * r),
  (path, x, y, r) => { path.moveTo(x, y - 1.3 * r); path.lineTo(x + 1.2 * r, y + r); path.lineTo(x - 1.2 * r, y + r); },
  (path, x, y, r) => { path.moveTo(x, y - 1.4 * r); path.lineTo(x + 1.4 * r, y); path.lineTo(x, y + 1.4 * r); path.lineTo(x - 1.4 * r, y); },
];
const ARROWS = { ArrowRight: [1, 0], ArrowLeft: [-1, 0], ArrowDown: [0, 1], ArrowUp: [0, -1] };

// Is a point inside a polygon? Count the edges to its right (even-odd rule).
function inside([x, y], polygon) {
  let odd = false;
  polygon.forEach(([x1, y1], index) => {
    const [x2, y2] = polygon.at(index - 1);
    if (y1 > y !== y2 > y && x < x1 + ((x2 - x1) * (y - y1)) / (y2 - y1)) odd = !odd;
  });
  return odd;
}

// For each variation: a bar for the chosen view, small ticks for the others, the line of chance.
function drawProbes(svg, { data, words, view, hidden }) {
  const width = 270, row = 60, top = 8, bottom = top + row * data.names.length;
  const x = (accuracy) => 4 + (width - 12) * (accuracy - 0.3) / 0.7;
  const line = (name, accuracy, y1, y2) => make("svg:line", { class: name, x1: x(accuracy), x2: x(accuracy), y1, y2 });
  const rows = data.names.flatMap((name, m) => {
    const y = top + row * m, accuracy = data.probes[m][view], kept = view > 0 && data.assigned[m]?.[view - 1];
    const label = text(words[name] + (kept ? ` · ${words.assigned}` : ""), { x: 4, y: y + 12 });
    if (hidden) return [label, text("?", { x: width - 8, y: y + 12, "text-anchor": "end" })];
    return [label, text(accuracy.toFixed(2), { x: width - 8, y: y + 12, "text-anchor": "end", class: "salon-strong" }),
      make("svg:rect", { class: "salon-bar", x: x(0.3), y: y + 19, height: 14, rx: 2,
        width: Math.max(0, x(accuracy) - x(0.3)), "data-value": accuracy }),
      ...data.probes[m].slice(1).map((other) => line("salon-other", other, y + 36, y + 44))];
  });
  const scale = [data.chance, 0.75, 1].map((value) => text(String(value), { x: x(value), y: bottom + 14, "text-anchor": "middle" }));
  svg.setAttribute("viewBox", `0 0 ${width} ${bottom + 36}`);
  const chance = data.names.map((_, m) => line("salon-mean", data.chance, top + row * m + 17, top + row * m + 47));
  svg.replaceChildren(...rows, ...chance, ...scale,
    text(words.probe, { x: width / 2, y: bottom + 31, "text-anchor": "middle" }));
  svg.setAttribute("aria-label", hidden ? words.probe : `${words.probe}: ` +
    data.names.map((name, m) => `${words[name]} ${data.probes[m][view].toFixed(2)}`).join(", "));
}

function render({ model, el }) {
  const words = model.get("words"), data = model.get("data"), { thumb, colours } = data;
  const people = [...new Set(data.identities)].sort((a, b) => a - b);
  const rank = data.identities.map((person) => people.indexOf(person));
  const kindNames = [words.none, ...data.names.map((name) => words[name]), words.several];
  const viewNames = data.coordinates.map((_, view) => (view ? String(view) : words.whole));
  const describe = (i) => fill(words.point, { person: rank[i] + 1, kind: kindNames[data.kinds[i]] });
  const sprite = new Image();
  let points = [], lasso = [], chosen = new Set(), hovered = null, seen = false;

  const canvas = control("canvas", { class: "salon-map", tabindex: 0, role: "img", "aria-label": words.canvas });
  const card = make("div", { class: "salon-card", hidden: "" }, make("canvas", { width: 88, height: 88 }), make("span"));
  const grid = make("canvas", { class: "salon-grid-of-faces", width: 0, height: 0 });
  const status = make("p", { class: "salon-summary", role: "status" });
  const legend = make("div", { class: "salon-foot" });
  const probes = make("svg:svg", { class: "salon-probes", role: "img" });
  const asked = question(words, data.names, () => { seen = true; update(); });

  const classOf = (i) => (model.get("colour") === "identity" ? rank[i] : data.kinds[i]);
  function draw() {
    const { clientWidth: width, clientHeight: height } = canvas, ratio = window.devicePixelRatio || 1;
    const flat = data.coordinates[model.get("view")], context = canvas.getContext("2d");
    [canvas.width, canvas.height] = [width * ratio, height * ratio];
    context.scale(ratio, ratio);
    points = rank.map((_, i) => [16 + flat[2 * i] / 1000 * (width - 32), height - 16 - flat[2 * i + 1] / 1000 * (height - 32)]);
    points.forEach(([x, y], i) => {
      const number = classOf(i);
      context.beginPath(); // the shape repeats what the colour says, once the colours run out
      SHAPES[Math.floor(number / colours.length) % SHAPES.length](context, x, y, i === hovered ? 2 * SIZE : SIZE);
      context.closePath();
      context.globalAlpha = i === hovered ? 1 : chosen.size && !chosen.has(i) ? 0.15 : 0.85;
      context.fillStyle = colours[number % colours.length];
      context.fill();
    });
    context.globalAlpha = 1;
    context.strokeStyle = getComputedStyle(canvas).color;
    context.beginPath();
    lasso.forEach(([x, y]) => context.lineTo(x, y));
    context.stroke();
  }

  function hover(i) {
    if (i === hovered) return;
    hovered = i;
    card.hidden = i === null;
    if (i !== null) {
      drawTile(card.firstChild.getContext("2d"), sprite, thumb, i, 0, 0, 88);
      card.lastChild.textContent = describe(i);
      const [x, y] = points[i];
      card.style.left = `${x + (x > canvas.clientWidth / 2 ? -122 : 16)}px`;
      card.style.top = `${Math.min(Math.max(0, y - 60), canvas.clientHeight - 136)}px`;
    }
    draw();
  }

  function select(indices) {
    chosen = new Set(indices);
    const faces = [...chosen].slice(0, MOST), across = 12;
    [grid.width, grid.height] = [faces.length ? across * thumb : 0, Math.ceil(faces.length / across) * thumb];
    faces.forEach((i, n) => drawTile(grid.getContext("2d"), sprite, thumb, i, (n % across) * thumb, Math.floor(n / across) * thumb, thumb));
    const count = new Set(indices.map((i) => rank[i])).size;
    status.textContent = chosen.size ? fill(words.selected, { n: chosen.size, people: count }) : words.hint;
    draw();
  }

  const place = (event) => [event.offsetX, event.offsetY];
  const nearest = (where) => points.reduce((best, [x, y], i) => {
    const far = Math.hypot(x - where[0], y - where[1]);
    return far < best.far ? { far, i } : best;
  }, { far: NEAR, i: null }).i;
  canvas.onpointerdown = (event) => { lasso = [place(event)]; canvas.setPointerCapture(event.pointerId); };
  canvas.onpointermove = (event) => {
    if (!lasso.length) return hover(nearest(place(event)));
    lasso.push(place(event));
    draw();
  };
  canvas.onpointerup = () => {
    const polygon = lasso;
    lasso = [];
    select(polygon.length > 4 ? points.flatMap((point, i) => (inside(point, polygon) ? [i] : [])) : []);
  };
  canvas.onpointerleave = () => hover(null);
  canvas.onblur = () => hover(null);

  // From the hovered point, an arrow key goes to the nearest one within 45° of its direction.
  canvas.onkeydown = (event) => {
    if (!ARROWS[event.key]) return;
    event.preventDefault();
    const [ux, uy] = ARROWS[event.key], [x0, y0] = points[hovered ?? 0];
    const ahead = points.map(([x, y], i) => ({ i, along: (x - x0) * ux + (y - y0) * uy, aside: Math.abs((x - x0) * uy - (y - y0) * ux) }))
      .filter(({ along, aside }) => along > 0 && aside <= along).sort((a, b) => a.along + a.aside - b.along - b.aside);
    hover(hovered === null ? 0 : ahead[0]?.i ?? hovered);
    status.textContent = describe(hovered);
  };

  const views = chips(words.view, "view", viewNames.map((_, view) => view), viewNames, (view) => { seen = true; change(model, { view }); });
  const colour = chips(words.colour, "colour", ["variation", "identity"], [words.variation, words.identity], (colour) => change(model, { colour }));

  function update() {
    const view = model.get("view"), accuracies = data.probes.map((row) => row[0]);
    const best = data.names[accuracies.indexOf(Math.max(...accuracies))];
    views.choose(view);
    colour.choose(model.get("colour"));
    const shownKinds = [...new Set(data.kinds)].sort((a, b) => a - b);
    legend.replaceChildren(...(model.get("colour") === "identity" ? [fill(words.legend, { n: people.length })]
      : shownKinds.map((kind) => make("span", { class: "salon-key", style: `--swatch: ${colours[kind]}` }, kindNames[kind]))));
    if (seen) asked.say(fill(words.verdict, { name: words[best], accuracy: Math.max(...accuracies).toFixed(2) })
      + asked.judge(best));
    drawProbes(probes, { data, words, view, hidden: !seen });
    hover(null);
    draw();
  }

  const reset = resetButton(words.reset, () => { change(model, { view: 0, colour: "variation" }); select([]); });
  el.append(make("section", { class: "salon salon-features", "aria-label": words.title },
    asked.element,
    make("div", { class: "salon-foot" }, views.element, colour.element, reset),
    make("div", { class: "salon-columns" },
      make("div", { class: "salon-main" }, make("div", { class: "salon-frame" }, canvas, card), legend),
      make("div", { class: "salon-side" }, probes, foot(words, "other", "chance"))),
    status, grid, make("p", { class: "salon-note" }, fill(words.note, { method: data.method }))));
  sprite.src = data.sprite;
  model.on("change:view", update);
  model.on("change:colour", update);
  const observer = new ResizeObserver(draw);
  observer.observe(canvas);
  update();
  select([]);
  return () => observer.disconnect();
}

export default { render };
