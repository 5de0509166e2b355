// The game: which sub-embeddings a loss reaches, and whether it tells them to show a variation or to hide it.

const CELL = 34, LEFT = 98, TOP = 44, OPPONENT = 40; // pixels of a mask's cell, of the names, of C below

// M different halves of K sub-embeddings, drawn by lot; a half that has been drawn already is drawn again.
function drawMasks(M, K) {
  const halves = new Map();
  while (halves.size < M) {
    const order = Array.from({ length: K }, (_, k) => [Math.random(), k]).sort(([a], [b]) => a - b).map(([, k]) => k);
    const half = new Set(order.slice(0, K / 2)), row = order.map((_, k) => +half.has(k));
    halves.set(row.join(""), row);
  }
  return [...halves.values()];
}

// What a loss tells sub-embedding k about variation t, as in figures/game.py: [show, hide].
function told(masks, loss, rule, t, k) {
  const own = !!masks[t][k], others = masks.some((half, other) => other !== t && half[k]);
  const shows = rule !== "none" && own, hides = { none: false, others, rest: !own }[rule];
  return [shows && (loss === "classification" || loss === "both"), hides && (loss === "adversary" || loss === "both")];
}

const triangle = (name, x, y, way) =>
  make("svg:polygon", { class: `salon-sign ${name}`, points: `${x},${y - 7 * way} ${x - 6},${y + 5 * way} ${x + 6},${y + 5 * way}` });

function render({ model, el }) {
  const words = model.get("words"), data = model.get("data"), { names, groups } = data, begin = model.get("masks");
  const guess = question(words, ["show", "hide", "conflict"], () => update());
  const losses = chips(words.loss, "loss", data.losses, data.losses.map((name) => words[name]), (loss) => change(model, { loss }));
  const rules = chips(words.rule, "rule", data.rules, data.rules.map((name) => words[name]), (rule) => change(model, { rule }));
  const svg = make("svg:svg", { class: "salon-masks", role: "group" }), body = make("tbody");
  const said = status();
  const redraw = button(words.redraw, () => change(model, { masks: drawMasks(begin.length, begin[0].length) }));

  // A variation's row: its name, a cell for each sub-embedding, dark in its half, and what it is told.
  function row(t) {
    const masks = model.get("masks"), loss = model.get("loss"), y = TOP + CELL * t, says = masks[t].map((_, k) => told(masks, loss, model.get("rule"), t, k));
    const cells = masks[t].flatMap((own, k) => {
      const x = LEFT + CELL * k, [show, hide] = guess.asked() ? says[k] : [], aside = show && hide ? 8 : 0;
      return [make("svg:rect", { class: `salon-cell ${own ? "own" : ""}`, x: x + 1, y: y + 1, width: CELL - 2, height: CELL - 2, rx: 4, "data-told": `${+!!show}${+!!hide}` }),
        ...(show ? [triangle("show", x + CELL / 2 - aside, y + CELL / 2, 1)] : []), ...(hide ? [triangle("hide", x + CELL / 2 + aside, y + CELL / 2, -1)] : [])];
    });
    const group = control("svg:g", { class: "salon-variation", tabindex: 0, role: "button", "aria-pressed": String(t === model.get("variation")), "aria-label": `${words[names[t]]}. ${sentence(t)}` },
      make("svg:rect", { class: "salon-choice", x: 0, y: y + 1, width: LEFT - 6, height: CELL - 2, rx: 6 }), text(words[names[t]], { x: 6, y: y + CELL / 2 + 4 }), ...cells);
    const choose = (variation) => { // all rows are drawn anew, so the focus goes to the new one
      change(model, { variation });
      svg.querySelectorAll(".salon-variation")[variation].focus({ preventScroll: true });
    };
    group.onclick = () => choose(t);
    group.onkeydown = (event) => {
      const step = { ArrowDown: 1, ArrowUp: -1, Enter: 0, " ": 0 }[event.key];
      if (step === undefined) return;
      event.preventDefault();
      choose(Math.max(0, Math.min(names.length - 1, t + step)));
    };
    return group;
  }

  // What the chosen loss says of variation t, in words.
  function sentence(t) {
    const masks = model.get("masks"), loss = model.get("loss"), own = masks[t].flatMap((on, k) => (on ? [k + 1] : []));
    if (!guess.asked()) return fill(words.half, { name: words[names[t]], parts: own.join(", ") });
    if (loss === "identification" || loss === "discriminator") return words[`about_${loss}`];
    if (model.get("rule") === "none") return words.about_none;
    const says = masks[t].map((_, k) => told(masks, loss, model.get("rule"), t, k));
    const parts = (test) => says.flatMap((pair, k) => (test(pair) ? [k + 1] : [])).join(", ") || "–";
    const values = { name: words[names[t]], show: parts(([show]) => show), hide: parts(([, hide]) => hide), both: parts(([show, hide]) => show && hide) };
    return fill(words[`about_${loss}`], values);
  }

  function draw() {
    const masks = model.get("masks"), loss = model.get("loss"), K = masks[0].length, width = LEFT + CELL * K, bottom = TOP + CELL * names.length;
    const middle = (k) => LEFT + CELL * (k + 0.5), learns = loss === "discriminator", plays = loss !== "identification" && model.get("rule") !== "none";
    const numbers = masks[0].flatMap((_, k) => [text(String(k + 1), { x: middle(k), y: TOP - 6, "text-anchor": "middle" }),
      ...(guess.asked() && loss === "identification" ? [triangle("person", middle(k), TOP - 28, 1)] : [])]);
    const opponent = [make("svg:rect", { class: `salon-opponent ${learns ? "learns" : ""}`, x: LEFT, y: bottom + 24, width: CELL * K, height: OPPONENT - 14, rx: 6 }),
      text(learns ? words.learns : words.still, { x: LEFT + CELL * K / 2, y: bottom + 41, "text-anchor": "middle" }),
      make("svg:line", { class: "salon-axis", x1: LEFT + CELL * K / 2, x2: LEFT + CELL * K / 2, y1: bottom + 4, y2: bottom + 24 }),
      ...(learns ? [make("svg:line", { class: "salon-stop", x1: LEFT + CELL * K / 2 - 16, x2: LEFT + CELL * K / 2 + 16, y1: bottom + 12, y2: bottom + 12 }),
        text(words.stop, { x: LEFT + CELL * K / 2 + 24, y: bottom + 17 })] : [])];
    svg.setAttribute("viewBox", `0 0 ${width} ${bottom + 24 + OPPONENT}`);
    svg.setAttribute("aria-label", words.grid);
    svg.replaceChildren(text(words.part, { x: 0, y: TOP - 6 }), ...numbers, ...names.map((_, t) => row(t)), ...(plays && guess.asked() ? opponent : []));
  }

  function update() {
    const t = model.get("variation"), probes = data.probes[model.get("rule")], by13 = data.probes.others;
    losses.choose(model.get("loss"));
    rules.choose(model.get("rule"));
    said.textContent = sentence(t);
    body.replaceChildren(...names.map((name, m) => make("tr", { class: m === t ? "chosen" : "" }, make("th", { scope: "row" }, words[name]),
      ...probes[m].map((value) => make("td", { class: "salon-probe", "data-value": value, style: guess.asked() && value !== null ? `--share: ${Math.round(100 * Math.max(0, (value - 0.5) / 0.5))}%` : null },
        !guess.asked() ? "?" : value === null ? "–" : value.toFixed(2))))));
    const average = (group) => { const found = by13.map((row) => row[group]).filter((value) => value !== null); return found.length ? mean(found).toFixed(2) : "–"; };
    guess.say(fill(words.verdict, { shared: average(1), alone: average(0) }), "conflict");
    draw();
  }

  const reset = resetButton(words, () => change(model, { masks: begin, loss: "both", rule: "others", variation: 0 }));
  const head = make("tr", {}, make("th", {}, ""), ...groups.map((group) => make("th", { scope: "col" }, words[group])));
  el.append(make("section", { class: "salon salon-game", "aria-label": words.title }, guess.element,
    make("div", { class: "salon-foot" }, losses.element, rules.element, redraw, reset),
    make("div", { class: "salon-columns" },
      make("div", { class: "salon-main" }, svg, foot({ ...words, half: words.half_key }, "half", "show", "hide")),
      make("div", { class: "salon-side" }, make("table", { class: "salon-table" }, make("caption", {}, words.probe), make("thead", {}, head), body))),
    said, make("p", { class: "salon-note" }, words.note)));
  return following(model, ["masks", "loss", "rule", "variation"], update);
}

export default { render };
