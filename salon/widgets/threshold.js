// The threshold: scores of genuine and impostor pairs, clean above mixed, and a line to drag over both.

function render({ model, el }) {
  const words = model.get("words"), data = model.get("data"), { conditions } = data, FOOT = 26; // pixels
  const bins = data.counts[0][0][0].length, tall = conditions.length * (PANEL + HEAD);
  const chosen = () => data.models.indexOf(model.get("chosen")), counts = (condition) => data.counts[chosen()][condition];
  const score = () => {
    const [low, high] = data.ranges[chosen()];
    return (low + ((high - low) * model.get("cut")) / bins).toFixed(high - low > 20 ? 1 : 3).replace("-", "−");
  };
  let snapped = 0; // the condition that the line was last set by

  const svg = control("svg:svg", { class: "salon-wide", role: "img", "aria-label": words.chart });
  const said = make("div", { class: "salon-summary", role: "status" });
  const line = slider("cut", words.cut, { max: bins, step: 1, shown: score, value: () => model.get("cut"),
    set: (cut) => change(model, { cut }) });
  const snap = (condition) => change(model, { cut: cutAt(counts(snapped = condition), 1e-3) });
  const choose = (name) => { model.set("chosen", name); snap(snapped); };
  const models = chips(words.chosen, "chosen", data.models, data.models.map((name) => words[name]), choose);
  const snaps = conditions.map((name, condition) => button(words[name], () => snap(condition), { value: name }));
  const guess = question(words, data.models, () => { tell(); update(); });

  // Of each model, with its line at the same share of clean impostors: what passes of the mixed ones?
  function tell() {
    const fars = data.counts.map(([clean, mixed]) => rates(mixed, cutAt(clean, 1e-3)).far);
    const most = fars.indexOf(Math.max(...fars)), others = fars.filter((_, index) => index !== most);
    guess.say(fill(words.verdict, { name: words[data.models[most]], far: ratio(fars[most]),
      low: ratio(Math.min(...others)), high: ratio(Math.max(...others)) }), data.models[most]);
  }

  function draw() {
    const width = sized(svg, tall + FOOT), at = EDGE + ((width - 2 * EDGE) * model.get("cut")) / bins;
    svg.replaceChildren(...conditions.flatMap((name, condition) => {
      const top = condition * (PANEL + HEAD), { tar, far } = rates(counts(condition), model.get("cut"));
      if (condition && !guess.asked()) return panel(top, width, null, at, words[name], `? ${words.hidden}`);
      return panel(top, width, counts(condition), at, words[name], `TAR ${ratio(tar)}   FAR ${ratio(far)}`);
    }), text(words.alike, { class: "salon-value", x: width - EDGE, y: tall + 14, "text-anchor": "end" }));
  }

  function update() {
    models.choose(model.get("chosen"));
    line.follow();
    said.replaceChildren(...conditions.slice(0, guess.asked() ? 2 : 1).map((name, condition) => {
      const { tar, far, ...pairs } = rates(counts(condition), model.get("cut"));
      const numbers = Object.fromEntries(Object.entries(pairs).map(([key, value]) => [key, whole(value)]));
      return make("p", {}, fill(words.told, { name: words[name], tar: ratio(tar), far: ratio(far), ...numbers }));
    }));
    snaps[1].disabled = !guess.asked();
    draw();
  }

  const reset = resetButton(words, () => { snapped = 0; choose(data.models[0]); });
  const total = rates(data.counts[0][0], 0);
  el.append(make("section", { class: "salon salon-threshold", "aria-label": words.title }, guess.element,
    models.element, make("p", { class: "salon-foot" }, words.snap, ...snaps, reset), svg, line.element,
    foot(words, "genuine", "impostor"), said,
    make("p", { class: "salon-note" }, fill(words.note, { impostors: whole(total.impostors), genuine: whole(total.genuine) }))));
  const cut = (x) => Math.max(0, Math.min(bins, Math.round(((x - EDGE) / (svg.clientWidth - 2 * EDGE)) * bins)));
  drag(svg, ([x]) => change(model, { cut: cut(x) }));
  return following(model, ["chosen", "cut"], update, svg);
}

export default { render };
