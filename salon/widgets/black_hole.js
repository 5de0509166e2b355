// The black hole: the highest impostor scores as dots by what befell the two pictures, and one pair to look at.

const LEFT = 24, BELOW = 24, NEAREST = 16, FACE = 128; // pixels: of the labels, of a pointer's reach, of a face

function render({ model, el }) {
  const words = model.get("words"), data = model.get("data"), { kinds, kind, places, people, strengths, thumb } = data;
  const M = kinds.length, pairs = () => data.pairs[model.get("chosen")], shareOf = (r, i, j) =>
    data.pairs[r].filter(([a, b]) => kind[a] === j && kind[b] === i).length / data.pairs[r].length;
  const sprite = new Image(), svg = control("svg:svg", { class: "salon-pairs", role: "img" });
  const cards = [0, 1].map(() => ({ face: make("canvas", { width: FACE, height: FACE }), said: make("figcaption") }));
  const summary = status();
  let side = 0;

  const at = ([a, b]) => [LEFT + side * places[a] / M, side - side * places[b] / M];
  const percentage = (share) => `${(100 * share).toFixed(0)}\u00a0%`;

  // A cell for each two kinds, the darker the more pairs fall into it; the pairs, and a ring around the chosen one.
  function drawPairs() {
    side = Math.max(Math.min(svg.clientWidth, 500), 200) - LEFT; // it may be drawn while it has no width
    sized(svg, side + BELOW);
    const cell = side / M, seen = guess.asked(), dot = (name, r, [cx, cy]) => make("svg:circle", { class: name, r, cx, cy });
    const cells = kinds.flatMap((_, i) => kinds.map((_, j) => [LEFT + cell * j, side - cell * (i + 1), seen && shareOf(model.get("chosen"), i, j)]));
    const names = kinds.flatMap((name, i) => [0, 1].map((upright) => {
      const middle = cell * (i + 0.5), [x, y] = upright ? [LEFT - 8, side - middle] : [LEFT + middle, side + 16];
      return text(words[name], { x, y, "text-anchor": "middle", transform: upright ? `rotate(-90 ${x} ${y})` : null });
    }));
    svg.replaceChildren(...names, ...cells.map(([x, y, share]) => make("svg:rect", { class: "salon-cell", x: x + 1, y: y + 1,
      width: cell - 2, height: cell - 2, rx: 4, style: `--share: ${60 * share}%`, "data-share": +share })),
    ...(seen ? pairs().map((pair) => dot("salon-dot", 2, at(pair))) : []),
    ...cells.map(([x, y, share]) => text(seen ? percentage(share) : "?", { class: "salon-share", x: x + 6, y: y + 16 })),
    ...(seen ? [dot("salon-picked", 7, at(pairs()[model.get("rank") - 1]))] : []));
  }

  function update() {
    const chosen = model.get("chosen"), rank = model.get("rank"), pair = pairs()[rank - 1], score = data.scores[chosen][rank - 1];
    models.choose(chosen);
    line.follow();
    line.input.disabled = !guess.asked();
    looked.hidden = !guess.asked();
    cards.forEach(({ face, said }, n) => {
      const i = pair[n], name = words[kinds[kind[i]]], spoilt = kind[i] ? `${name} ${strengths[i]}\u00a0%` : name;
      drawTile(face.getContext("2d"), sprite, thumb, i, 0, 0, FACE);
      said.textContent = fill(n ? words.enrolled : words.probe, { person: people[i] + 1, spoilt });
    });
    const [i, j] = pair.map((picture) => kind[picture]);
    summary.textContent = !guess.asked() ? "" : fill(words.told, { rank, score: score.toFixed(Math.abs(score) < 2 ? 3 : 1).replace("-", "−"),
      share: percentage(shareOf(chosen, j, i)), first: words[kinds[i]], second: words[kinds[j]] });
    svg.setAttribute("aria-label", guess.asked() ? `${words.chart} ${kinds.map((name, i) => `${words[`two_${name}`]}: ${percentage(shareOf(chosen, i, i))}`).join(", ")}` : words.chart);
    drawPairs();
  }

  // Of the first model: which kind of pair fills most of it; and how many such pairs each model has.
  const guess = question(words, kinds.map((name) => `two_${name}`), () => {
    const alike = kinds.map((_, i) => shareOf(0, i, i)), most = alike.indexOf(Math.max(...alike));
    const each = data.names.map((name, r) => `${name}: ${percentage(shareOf(r, most, most))}`).join(words.comma);
    guess.say(fill(words.verdict, { name: words[`two_${kinds[most]}`], each }), `two_${kinds[most]}`);
    update();
  });
  const models = chips(words.model, "chosen", [...data.models.keys()], data.names, (chosen) => change(model, { chosen, rank: 1 }));
  const line = slider("rank", words.rank, { min: 1, max: data.pairs[0].length, step: 1, value: () => model.get("rank"), set: (rank) => change(model, { rank }) });
  const reset = resetButton(words, () => change(model, { chosen: 0, rank: 1 }));
  const looked = make("div", { class: "salon-side" }, make("div", { class: "salon-faces" },
    ...cards.map(({ face, said }) => make("figure", {}, face, said))), line.element, summary);

  el.append(make("section", { class: "salon salon-hole", "aria-label": words.title }, guess.element,
    make("div", { class: "salon-foot" }, models.element, reset),
    make("div", { class: "salon-columns" }, make("div", { class: "salon-main" }, svg, foot(words, "dot")), looked),
    make("p", { class: "salon-note" }, words.note)));
  drag(svg, ([x, y]) => {
    if (!guess.asked()) return;
    const far = (pair) => Math.hypot(at(pair)[0] - x, at(pair)[1] - y);
    const nearest = pairs().reduce((best, pair, i) => (far(pair) < far(pairs()[best]) ? i : best), 0);
    if (far(pairs()[nearest]) < NEAREST) change(model, { rank: nearest + 1 });
  });
  sprite.onload = update;
  sprite.src = data.sprite;
  return following(model, ["chosen", "rank"], update, svg);
}

export default { render };
