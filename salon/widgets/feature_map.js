// The feature map: for one variation the parts that own it beside those that do not; every part; the probes; the faces.

const NEAR = 14, FREE = 12, STEPS = 65535, MOST = 24; // pixels, pixels, of a coordinate, faces of a selection
const GREY = "#999999";
const ARROWS = { ArrowRight: [1, 0], ArrowLeft: [-1, 0], ArrowDown: [0, 1], ArrowUp: [0, -1] };
const GUESSES = { even: 0.5, some: 0.7, most: 0.9 };

// Is a point inside a polygon? Count the edges to its right (even-odd rule).
function inside([x, y], polygon) {
  let odd = false;
  polygon.forEach(([x1, y1], index) => {
    const [x2, y2] = polygon.at(index - 1);
    if (y1 > y !== y2 > y && x < x1 + ((x2 - x1) * (y - y1)) / (y2 - y1)) odd = !odd;
  });
  return odd;
}

// Points [x, y, picture] on a canvas, in the order of the file: plain and degraded pictures take turns. A hovered
// picture is larger, those outside of a selection fade.
function dots(canvas, points, radius, ink, hovered, chosen) {
  const ratio = window.devicePixelRatio || 1, context = canvas.getContext("2d");
  [canvas.width, canvas.height] = [canvas.clientWidth * ratio, canvas.clientHeight * ratio];
  context.scale(ratio, ratio);
  context.strokeStyle = getComputedStyle(canvas).color;
  points.forEach(([x, y, i]) => {
    context.globalAlpha = chosen?.size && !chosen.has(i) && i !== hovered ? 0.15 : 0.85;
    context.fillStyle = ink(i);
    context.beginPath();
    context.arc(x, y, i === hovered ? 2.5 * radius : radius, 0, 2 * Math.PI);
    context.fill();
    if (i === hovered) context.stroke();
  });
  return context;
}

// The picture under the pointer or the arrow keys, and those that a lasso gathers.
function watch(canvas, points, draw, hover, select) {
  const place = (event) => [event.offsetX, event.offsetY];
  let lasso = [], last = 0;
  const go = (point) => { if (point) last = points().indexOf(point); hover(point ?? null); };
  canvas.onpointerdown = (event) => { lasso = [place(event)]; canvas.setPointerCapture(event.pointerId); };
  canvas.onpointermove = (event) => {
    const here = place(event), far = ([x, y]) => Math.hypot(x - here[0], y - here[1]);
    const nearest = points().reduce((best, point) => (far(point) < far(best) ? point : best));
    if (!lasso.length) return go(far(nearest) < NEAR ? nearest : null);
    lasso.push(here);
    const context = draw();
    context.beginPath();
    lasso.forEach(([x, y]) => context.lineTo(x, y));
    context.stroke();
  };
  canvas.onpointerup = (event) => {
    const polygon = lasso;
    lasso = [];
    select(polygon.length > 4 ? points().filter((point) => inside(point, polygon)).map(([, , i]) => i) : []);
    if (polygon.length < 5) canvas.onpointermove(event); // a tap of a finger shows the face
  };
  canvas.onpointercancel = () => (lasso = []); // the finger scrolls
  canvas.onpointerleave = (event) => event.pointerType === "touch" || hover(null); // it is always lifted, and would hide the face
  canvas.onblur = () => hover(null);
  canvas.onkeydown = (event) => { // to the nearest point within 45° of the arrow's direction
    if (!ARROWS[event.key]) return;
    event.preventDefault();
    const [ux, uy] = ARROWS[event.key], [x0, y0] = points()[last] ?? points()[0];
    const cost = ([x, y]) => {
      const along = (x - x0) * ux + (y - y0) * uy, aside = Math.abs((x - x0) * uy - (y - y0) * ux);
      return along > 0 && aside <= along ? along + aside : Infinity;
    };
    const next = points().reduce((best, point) => (cost(point) < cost(best) ? point : best));
    go(cost(next) < Infinity ? next : points()[last]);
  };
}

// For each variation: the mean over its owners and over the others as bars, each part as a tick, the line of chance.
function drawProbes(svg, { words, data, chosen, part, hidden }) {
  const width = 270, row = 78, x = (accuracy) => 4 + ((width - 56) * (accuracy - 0.4)) / 0.6;
  const rows = data.names.flatMap((name, m) => {
    const y = row * m, label = text(words[name], { x: 4, y: y + 12, class: m === chosen ? "salon-strong" : null });
    if (hidden) return [label, text("?", { x: width - 8, y: y + 12, "text-anchor": "end" })];
    return [label, ...[1, 0].flatMap((own, index) => {
      const top = y + 19 + 25 * index, value = data.readings[m][index];
      const parts = data.probes[m].slice(1).map((accuracy, k) => ({ accuracy, k })).filter(({ k }) => data.assigned[m][k] === own);
      return [
        make("svg:rect", { class: "salon-bar", style: `fill: ${own ? data.colours[m + 1] : GREY}`, x: x(0.4), y: top, height: 12,
          width: x(value) - x(0.4), "data-value": value }),
        text(`${(100 * value).toFixed(0)} %`, { x: width - 8, y: top + 11, "text-anchor": "end" }),
        ...parts.map(({ accuracy, k }) => make("svg:line", { class: "salon-other", x1: x(accuracy), x2: x(accuracy), y1: top - 1, y2: top + 13,
          style: k === part - 1 ? "stroke-width: 5" : null }, make("svg:title", {}, `${k + 1}: ${accuracy}`))),
      ];
    }), make("svg:line", { class: "salon-mean", x1: x(data.chance), x2: x(data.chance), y1: y + 16, y2: y + 60 })];
  });
  const bottom = row * data.names.length;
  svg.setAttribute("viewBox", `0 0 ${width} ${bottom + 18}`);
  svg.replaceChildren(...rows, text(words.probe, { x: 4, y: bottom + 8 }));
  svg.setAttribute("aria-label", hidden ? words.probe : `${words.probe}: ` + data.names.map((name, m) =>
    `${words[name]} ${data.readings[m].map((value) => (100 * value).toFixed(0)).join(" / ")}`).join(", "));
}

function render({ model, el }) {
  const words = model.get("words"), data = model.get("data"), { thumb, kinds, names, assigned, colours } = data;
  const all = kinds.map((_, i) => i), M = names.length, kindNames = [words.none, ...names.map((name) => words[name])];
  const flat = new Uint16Array(Uint8Array.from(atob(data.coordinates), (letter) => letter.charCodeAt(0)).buffer);
  const sprite = new Image();
  let hovered = null, chosen = new Set();

  const owns = (k) => names.filter((_, m) => assigned[m][k]).map((name) => words[name]).join(words.comma) || words.nothing;
  const describe = (i) => fill(kinds[i] ? words.point : words.plain, { person: data.people[i] + 1, kind: kindNames[kinds[i]], strength: data.strengths[i] });
  const title = (view) => view < 2 * M ? fill(view % 2 ? words.others : words.owners,
    { name: words[names[view >> 1]], parts: assigned[view >> 1].flatMap((own, k) => (own === 1 - (view % 2) ? [k + 1] : [])).join(words.comma) })
    : fill(words.one, { k: view - 2 * M + 1, names: owns(view - 2 * M) });

  // Grey until a guess is made; then what is chosen: the variation, how strong it is, or who it is.
  function ink(i) {
    const by = model.get("colour"), variation = model.get("variation") + 1;
    if (!guess.asked()) return GREY;
    if (by === "person") return `hsl(${(data.people[i] * 137.5) % 360} 65% 50%)`;
    if (kinds[i] !== variation) return GREY;
    return by === "strength" ? `hsl(${280 - 4.6 * (data.strengths[i] - 50)} 85% 48%)` : colours[variation];
  }

  function place(canvas, view) { // a map of one variation has only the plain pictures and those under it
    const rows = view < 2 * M ? all.filter((i) => kinds[i] === 0 || kinds[i] === (view >> 1) + 1) : all;
    const at = (i) => 2 * (view * all.length + i), [width, height] = [canvas.clientWidth, canvas.clientHeight];
    return rows.map((i) => [FREE + (flat[at(i)] / STEPS) * (width - 2 * FREE), height - FREE - (flat[at(i) + 1] / STEPS) * (height - 2 * FREE), i]);
  }

  const large = [0, 1].map((side) => {
    const canvas = control("canvas", { class: "salon-map", tabindex: 0, role: "img" }), caption = make("figcaption");
    const card = make("div", { class: "salon-card", hidden: "" }, make("canvas", { width: 88, height: 88 }), make("span"));
    const map = { canvas, element: make("figure", { class: "salon-frame" }, caption, make("div", { class: "salon-frame" }, canvas, card)) };
    map.draw = () => {
      const part = model.get("part"), view = part ? 2 * M + part - 1 : 2 * model.get("variation") + side;
      map.element.hidden = part > 0 && side > 0;
      canvas.setAttribute("aria-label", fill(words.canvas, { title: title(view) }));
      caption.textContent = title(view);
      map.points = place(canvas, view);
      return dots(canvas, map.points, 3.2, ink, hovered, chosen);
    };
    const hover = (point) => {
      if (card.hidden === !point && hovered === (point?.[2] ?? null)) return;
      hovered = point?.[2] ?? null;
      card.hidden = !point;
      if (point) {
        drawTile(card.firstChild.getContext("2d"), sprite, thumb, hovered, 0, 0, 88);
        said.textContent = card.lastChild.textContent = describe(hovered);
        card.style.left = `${point[0] + (point[0] > canvas.clientWidth / 2 ? -122 : 16)}px`;
        card.style.top = `${Math.min(Math.max(0, point[1] - 60), canvas.clientHeight - 150)}px`;
      }
      large.forEach(({ draw }) => draw());
    };
    watch(canvas, () => map.points, () => map.draw(), hover, select);
    return map;
  });

  const small = assigned[0].map((_, k) => {
    const canvas = make("canvas"), press = button(canvas, () => change(model, { part: model.get("part") === k + 1 ? 0 : k + 1 }),
      { class: "salon-part", title: title(2 * M + k) });
    press.append(make("span", {}, k + 1));
    return { press, draw: () => {
      press.classList.toggle("own", guess.asked() && assigned[model.get("variation")][k] === 1);
      press.setAttribute("aria-pressed", model.get("part") === k + 1);
      dots(canvas, place(canvas, 2 * M + k), 1.1, ink);
    } };
  });

  const grid = make("canvas", { class: "salon-grid-of-faces", width: 0, height: 0 });
  const said = status(), legend = make("div", { class: "salon-foot" });
  const probes = make("svg:svg", { class: "salon-probes", role: "img" });
  function select(pictures) {
    chosen = new Set(pictures);
    const faces = pictures.slice(0, MOST), across = 12;
    [grid.width, grid.height] = [faces.length ? across * thumb : 0, Math.ceil(faces.length / across) * thumb];
    faces.forEach((i, n) => drawTile(grid.getContext("2d"), sprite, thumb, i, (n % across) * thumb, Math.floor(n / across) * thumb, thumb));
    const people = new Set(pictures.map((i) => data.people[i])).size;
    said.textContent = faces.length ? fill(words.selected, { n: pictures.length, people }) : words.hint;
    large.forEach(({ draw }) => draw());
  }

  const guess = question(words, Object.keys(GUESSES), () => update());
  const average = (side) => mean(data.readings.map((row) => row[side]));
  const best = Object.keys(GUESSES).reduce((a, b) => (Math.abs(GUESSES[b] - average(1)) < Math.abs(GUESSES[a] - average(1)) ? b : a));
  const variations = chips(words.variation, "variation", names.map((_, m) => m), kindNames.slice(1), (variation) => change(model, { variation, part: 0 }));
  const colour = chips(words.colour, "colour", ["variation", "strength", "person"], [words.by_variation, words.strength, words.person], (colour) => change(model, { colour }));

  function update() {
    const by = model.get("colour"), variation = model.get("variation"), key = (name, swatch) => make("span", { class: "salon-key", style: `--swatch: ${swatch}` }, name);
    variations.choose(variation);
    colour.choose(by);
    el.style.setProperty("--own", colours[variation + 1]);
    const ramp = "linear-gradient(90deg, hsl(280 85% 48%), hsl(165 85% 48%), hsl(50 85% 48%))", name = kindNames[variation + 1];
    const keys = by === "person" ? [words.each] : [key(words.grey, GREY), by === "strength" ? key(`${name} 50–100 %`, ramp) : key(name, colours[variation + 1])];
    legend.replaceChildren(...(guess.asked() ? [...keys, make("span", { class: "salon-key own" }, words.frame)] : []));
    guess.say(fill(words.verdict, { own: (100 * average(0)).toFixed(0), others: (100 * average(1)).toFixed(0) }), best);
    drawProbes(probes, { words, data, chosen: variation, part: model.get("part"), hidden: !guess.asked() });
    [...large, ...small].forEach(({ draw }) => draw());
  }

  const reset = resetButton(words, () => { change(model, { variation: 0, colour: "variation", part: 0 }); select([]); });
  el.append(make("section", { class: "salon salon-features", "aria-label": words.title }, guess.element,
    make("div", { class: "salon-foot" }, variations.element, colour.element, reset),
    make("div", { class: "salon-columns" },
      make("div", { class: "salon-main" }, make("div", { class: "salon-pair" }, ...large.map(({ element }) => element)), legend),
      make("div", { class: "salon-side" }, probes, foot(words, "other", "chance"))),
    make("div", { class: "salon-parts", role: "group", "aria-label": words.parts }, ...small.map(({ press }) => press)),
    said, grid, make("p", { class: "salon-note" }, fill(words.note, { method: data.method, n: all.length }))));
  sprite.src = data.sprite;
  const end = following(model, ["variation", "colour", "part"], update, probes.parentElement.parentElement);
  select([]);
  return end;
}

export default { render };
