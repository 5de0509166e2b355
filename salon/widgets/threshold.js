// The threshold: scores of genuine and impostor pairs, clean above mixed, and a line to drag over both.

const PANEL = 150, HEAD = 24, FOOT = 26, EDGE = 8, BARS = 80; // pixels; bars of a picture, each several bins

const sum = (values, from = 0) => values.slice(from).reduce((total, value) => total + value, 0);

// What passes a threshold at the lower edge of bin `cut`.
function rates([genuine, impostor], cut) {
  const told = { passed: sum(genuine, cut), genuine: sum(genuine), false: sum(impostor, cut), impostors: sum(impostor) };
  return { ...told, tar: told.passed / told.genuine, far: told.false / told.impostors };
}

// The lowest cut at which no more than a share `far` of the impostors pass.
function cutAt([, impostor], far) {
  const most = far * sum(impostor);
  let cut = impostor.length;
  for (let passing = 0; cut > 0 && passing + impostor[cut - 1] <= most; cut--) passing += impostor[cut - 1];
  return cut;
}

// Bars of one kind of pairs from the line `base`, upwards (-1) or downwards (1); solid from x = `line` on.
function bars(name, counts, { width, base, way, line }) {
  const edge = (bar) => Math.round((bar * counts.length) / BARS);
  const heights = Array.from({ length: BARS }, (_, bar) => sum(counts.slice(edge(bar), edge(bar + 1))));
  const most = Math.max(...heights), x = (bin) => EDGE + ((width - 2 * EDGE) * bin) / counts.length;
  return heights.flatMap((height, bar) => {
    const long = (height / most) * (PANEL / 2 - 4), left = x(edge(bar)), right = x(edge(bar + 1));
    const part = (from, to, more) => to > from && long > 0 ? [make("svg:rect", { class: `salon-${name} ${more}`,
      x: from, width: to - from, y: way < 0 ? base - long : base, height: long })] : [];
    return [...part(left, Math.min(right, line), "salon-refused"), ...part(Math.max(left, line), right, "")];
  });
}

function render({ model, el }) {
  const words = model.get("words"), data = model.get("data"), { conditions } = data;
  const bins = data.counts[0][0][0].length;
  const whole = (number) => number.toLocaleString("en"), share = (ratio) => `${(100 * ratio).toFixed(ratio < 0.1 ? 2 : 1)}\u00a0%`;
  const chosen = () => data.models.indexOf(model.get("chosen")), counts = (condition) => data.counts[chosen()][condition];
  const score = () => {
    const [low, high] = data.ranges[chosen()];
    return (low + ((high - low) * model.get("cut")) / bins).toFixed(high - low > 20 ? 1 : 3).replace("-", "−");
  };
  let seen = false, snapped = 0; // is mixed shown; the condition that the line was last set by

  const svg = control("svg:svg", { class: "salon-wide", role: "img", "aria-label": words.chart });
  const said = make("div", { class: "salon-summary", role: "status" });
  const line = slider(model, "cut", words.cut, { min: 0, max: bins, step: 1, shown: score });
  const snap = (condition) => change(model, { cut: cutAt(counts(snapped = condition), 1e-3) });
  const models = chips(words.chosen, "chosen", data.models, data.models.map((name) => words[name]),
    (name) => { model.set("chosen", name); snap(snapped); });
  const snaps = conditions.map((name, condition) => {
    const button = control("button", { type: "button", value: name }, words[name]);
    button.onclick = () => snap(condition);
    return button;
  });
  const asked = question(words, data.models, () => { seen = true; tell(); update(); });

  // Of each model, with its line at the same share of clean impostors: what passes of the mixed ones?
  function tell() {
    const fars = data.counts.map(([clean, mixed]) => rates(mixed, cutAt(clean, 1e-3)).far);
    const most = fars.indexOf(Math.max(...fars)), others = fars.filter((_, index) => index !== most);
    asked.say(fill(words.verdict, { name: words[data.models[most]], far: share(fars[most]),
      low: share(Math.min(...others)), high: share(Math.max(...others)) }) + asked.judge(data.models[most]));
  }

  function draw(width) {
    const at = EDGE + ((width - 2 * EDGE) * model.get("cut")) / bins;
    svg.replaceChildren(...conditions.flatMap((name, condition) => {
      const top = condition * (PANEL + HEAD), base = top + HEAD + PANEL / 2, hidden = condition && !seen;
      const head = text(words[name], { class: "salon-strong", x: EDGE, y: top + 16 });
      const axis = make("svg:line", { class: "salon-axis", x1: EDGE, x2: width - EDGE, y1: base, y2: base });
      if (hidden) return [head, axis, text(`? ${words.hidden}`, { x: width / 2, y: base - 8, "text-anchor": "middle" })];
      const { tar, far } = rates(counts(condition), model.get("cut"));
      return [head, text(`TAR ${share(tar)}   FAR ${share(far)}`, { class: "salon-rate", x: width - EDGE, y: top + 16, "text-anchor": "end" }),
        ...["genuine", "impostor"].flatMap((kind, index) =>
          bars(kind, counts(condition)[index], { width, base, way: index ? 1 : -1, line: at })), axis];
    }), ...conditions.map((_, condition) => make("svg:line", { class: "salon-line", x1: at, x2: at,
      y1: condition * (PANEL + HEAD) + HEAD, y2: (condition + 1) * (PANEL + HEAD) })),
    text(words.alike, { class: "salon-value", x: width - EDGE, y: 2 * (PANEL + HEAD) + 14, "text-anchor": "end" }));
  }

  function update() {
    models.choose(model.get("chosen"));
    line.follow();
    said.replaceChildren(...conditions.flatMap((name, condition) => {
      if (condition && !seen) return [];
      const { tar, far, ...pairs } = rates(counts(condition), model.get("cut"));
      const numbers = Object.fromEntries(Object.entries(pairs).map(([key, value]) => [key, whole(value)]));
      return [make("p", {}, fill(words.told, { name: words[name], tar: share(tar), far: share(far), ...numbers }))];
    }));
    snaps[1].disabled = !seen;
    picture.drawn();
  }

  const reset = resetButton(words.reset, () => { snapped = 0; model.set("chosen", data.models[0]); snap(0); });
  const total = rates(data.counts[0][0], 0);
  el.append(make("section", { class: "salon salon-threshold", "aria-label": words.title }, asked.element,
    models.element, make("p", { class: "salon-foot" }, words.snap, ...snaps, reset), svg, line.element,
    foot(words, "genuine", "impostor"), said,
    make("p", { class: "salon-note" }, fill(words.note, { impostors: whole(total.impostors), genuine: whole(total.genuine) }))));
  const picture = fitted(svg, 2 * (PANEL + HEAD) + FOOT, draw);
  drag(svg, ([x]) => change(model, { cut: Math.max(0, Math.min(bins, Math.round(((x - EDGE) / (svg.clientWidth - 2 * EDGE)) * bins))) }));
  model.on("change:chosen", update);
  model.on("change:cut", update);
  update();
  return picture.end;
}

export default { render };
