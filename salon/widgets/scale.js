// Scale and cloud: images of one person and prototypes on a circle; losses, pulls and scores as they are dragged.

const SIDE = 360, TOP = 16, CENTRE = 180, RADIUS = 112, REACH = RADIUS * 0.9 / 40; // pixels; of an arrow for each nat per radian

const radians = (degrees) => (degrees * Math.PI) / 180;
const at = (degrees, radius = RADIUS) => [CENTRE + radius * Math.cos(radians(degrees)), CENTRE - radius * Math.sin(radians(degrees))];
const shownNumber = (value, digits) => value.toFixed(digits).replace("-", "−");

function softmax(logits) {
  const log = Math.max(...logits) + Math.log(logits.reduce((sum, a) => sum + Math.exp(a - Math.max(...logits)), 0));
  return { p: logits.map((a) => Math.exp(a - log)), log }; // `log`: log-sum-exp
}

// Of image i: (5), (8), and minus the slope of (8) over its angle and over that of its own prototype, person 0's.
function facts(toy, i) {
  const s = toy.each ? toy.own[i] : toy.scale, between = toy.people.map((person) => radians(toy.angles[i] - person));
  const logits = between.map((angle) => s * Math.cos(angle));
  const shifted = logits.map((a, j) => (j ? a : a - toy.margin)), { p: P, log } = softmax(shifted);
  const slopes = between.map((angle) => s * Math.sin(angle)); // of each logit over minus the image's angle
  const pull = P.reduce((sum, value, j) => sum + value * slopes[j], 0) - slopes[0];
  return { s, p: softmax(logits).p, loss: log - shifted[0], pull, drag: (1 - P[0]) * slopes[0] };
}

// Score (16) of two points of the circle, d = 2, with their variances.
const score = (degrees, v) => -0.5 * ((2 - 2 * Math.cos(radians(degrees))) / v + 2 * Math.log(v));

// An arrow along the circle's tangent: its line and its head.
function arrow(name, degrees, pull) {
  const [x, y] = at(degrees), long = Math.abs(pull) * REACH;
  if (long < 2) return [];
  const way = Math.sign(pull), tangent = [-Math.sin(radians(degrees)) * way, -Math.cos(radians(degrees)) * way];
  const point = (along, aside) => `${x + tangent[0] * along - tangent[1] * aside},${y + tangent[1] * along + tangent[0] * aside}`;
  const head = Math.min(11, 3 + long / 2);
  return [make("svg:path", { class: `salon-arrow ${name}`, d: `M${x},${y}L${point(long - head / 2, 0)}`, "data-value": pull.toFixed(3) }),
    make("svg:polygon", { class: `salon-head-of ${name}`, points: [point(long, 0), point(long - head, head / 2), point(long - head, -head / 2)].join(" ") })];
}

function render({ model, el }) {
  const words = model.get("words"), limits = model.get("limits"), names = model.get("names"), begin = model.get("start");
  const toy = () => model.get("toy"), chosen = () => model.get("chosen"), people = begin.people.map((_, j) => `w${"₁₂₃₄₅₆₇₈₉"[j] ?? j + 1}`);
  const put = (name, index, value) => change(model, { toy: { ...toy(), [name]: index === null ? value : toy()[name].map((old, i) => (i === index ? value : old)) } });
  const pulls = (each) => names.map((_, i) => Math.abs(facts({ ...begin, each }, i).pull));
  const hardest = (each) => names[pulls(each).indexOf(Math.max(...pulls(each)))];
  let held = null;
  const guess = question(words, names, () => update());
  const svg = make("svg:svg", { class: "salon-circle", viewBox: `0 ${TOP} ${SIDE} ${SIDE - 2 * TOP}`, role: "group", "aria-label": words.picture });
  const back = make("svg:g"), front = make("svg:g"), body = make("tbody"), against = make("tbody");
  const scales = chips(words.scales, "each", [false, true], [words.one, words.each], (each) => put("each", null, each));
  const moved = (name, step, value, set) =>
    slider(name, words[name], { min: limits[name][0], max: limits[name][1], step, value, set });
  const sliders = [
    moved("scale", 0.5, () => (toy().each ? toy().own[chosen()] : toy().scale),
      (s) => (toy().each ? put("own", chosen(), s) : put("scale", null, s))),
    moved("margin", 0.5, () => toy().margin, (m) => put("margin", null, m)),
    moved("variance", 0.01, () => toy().variances[chosen()], (v) => put("variances", chosen(), v)),
  ];

  // What can be dragged: a handle takes the focus, and the arrow keys turn it; an image is chosen by it.
  const handle = (name, list, index, shape) => {
    const node = control("svg:g", { class: `salon-handle ${list}`, tabindex: 0, role: "slider", "aria-label": name, "aria-valuemin": -180, "aria-valuemax": 180 }, shape);
    node.onfocus = () => list === "angles" && change(model, { chosen: index });
    node.onkeydown = (event) => {
      const step = { ArrowUp: 2, ArrowRight: -2, ArrowDown: -2, ArrowLeft: 2, PageUp: 15, PageDown: -15 }[event.key];
      if (!step) return;
      event.preventDefault();
      put(list, index, (toy()[list][index] + step + 360) % 360);
    };
    const place = (degrees = toy()[list][index]) => {
      node.setAttribute("transform", `translate(${at(degrees)})`);
      node.setAttribute("aria-valuenow", Math.round(((degrees + 540) % 360) - 180));
      node.setAttribute("aria-valuetext", `${Math.round(degrees)}°`);
    };
    return { node, list, index, place };
  };
  const handles = [
    ...people.map((name, j) => handle(name, "people", j, make("svg:rect", { class: j ? "other" : "own", x: -8, y: -8, width: 16, height: 16 }))),
    ...names.map((name, i) => handle(words[name], "angles", i, make("svg:circle", { class: "image", r: 8 })))];
  front.append(...handles.map(({ node }) => node));
  svg.append(back, front);
  const inside = (place) => place.map((pixels, axis) => (pixels * SIDE) / svg.getBoundingClientRect().width + [0, TOP][axis]);
  drag(svg, (place) => {
    const [x, y] = inside(place);
    put(held.list, held.index, Math.round((Math.atan2(CENTRE - y, x - CENTRE) * 180) / Math.PI + 360) % 360);
  }, (place) => {
    const [x, y] = inside(place), far = ({ list, index }) => Math.hypot(x - at(toy()[list][index])[0], y - at(toy()[list][index])[1]);
    held = handles.reduce((best, one) => (far(one) <= far(best) ? one : best)); // of equals the image, which lies above
    if (far(held) > 26) return false;
    held.node.focus({ preventScroll: true });
  });

  function draw(found) {
    const { angles, variances, people: prototypes } = toy(), drag = found.reduce((sum, { drag }) => sum + drag, 0);
    const clouds = angles.flatMap((degrees, i) => [2, 1].map((times) => make("svg:circle", { class: "salon-cloud",
      transform: `translate(${at(degrees)})`, r: times * Math.sqrt(variances[i]) * RADIUS })));
    const labels = [...people.map((name, j) => [name, at(prototypes[j], RADIUS - 26)]), ...names.map((name, i) => [words[name], at(angles[i], RADIUS + 34)])];
    back.replaceChildren(...clouds, make("svg:circle", { class: "salon-orbit", cx: CENTRE, cy: CENTRE, r: RADIUS }),
      ...labels.map(([label, [x, y]]) => text(label, { x: Math.max(30, Math.min(SIDE - 30, x)), y: y + 4, "text-anchor": "middle" })),
      ...(guess.asked() ? [...arrow("own", prototypes[0], drag), ...angles.flatMap((degrees, i) => arrow("image", degrees, found[i].pull))] : []));
    handles.forEach(({ node, list, index, place }) => { place(); node.classList.toggle("chosen", list === "angles" && index === chosen()); });
  }

  function update() {
    const { angles, variances, people: prototypes, each } = toy(), found = names.map((_, i) => facts(toy(), i)), i = chosen();
    scales.choose(each);
    sliders.forEach((one) => one.follow());
    const cells = (head, values) => make("tr", {}, make("th", { scope: "row" }, head), ...values.map((value) => make("td", {}, value)));
    body.replaceChildren(...found.map(({ s, p, loss, pull }, k) => cells(words[names[k]],
      [shownNumber(s, 1), shownNumber(p[0], 3), shownNumber(loss, 2), guess.asked() ? shownNumber(Math.abs(pull), 2) : "?"])));
    body.children[i].classList.add("chosen");
    const other = (name, degrees, v, p) => cells(name, [shownNumber(Math.cos(radians(angles[i] - degrees)), 2), p, shownNumber(score(angles[i] - degrees, v), 2)]);
    against.replaceChildren(...prototypes.map((degrees, j) => other(people[j], degrees, variances[i], shownNumber(found[i].p[j], 3))),
      ...names.flatMap((name, k) => (k === i ? [] : [other(words[name], angles[k], variances[i] + variances[k], "")])));
    guess.say(fill(words.verdict, { one: words[hardest(false)], each: words[hardest(true)] }), hardest(false));
    caption.textContent = fill(words.against, { name: words[names[i]] });
    draw(found);
  }

  const heads = (...names) => make("thead", {}, make("tr", {}, ...names.map((name) => make("th", { scope: "col" }, name))));
  const caption = make("caption"), reset = resetButton(words, () => change(model, { toy: begin, chosen: 1 }));
  el.append(make("section", { class: "salon salon-scale", "aria-label": words.title }, guess.element,
    make("div", { class: "salon-columns" },
      make("div", { class: "salon-main" }, svg, foot(words, "image", "own", "cloud"), make("div", { class: "salon-foot" }, scales.element, reset)),
      make("div", { class: "salon-main" }, ...sliders.map(({ element }) => element),
        make("table", { class: "salon-table" }, make("caption", {}, words.images), heads("", "s", "P(w₁)", words.loss, words.pull), body),
        make("table", { class: "salon-table" }, caption, heads("", words.cosine, "P", words.score), against))),
    make("p", { class: "salon-note" }, words.note)));
  return following(model, ["toy", "chosen"], update);
}

export default { render };
