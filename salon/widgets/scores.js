// Genuine and impostor scores as counts in fine bins: what passes a threshold, and how they are drawn.

const PANEL = 150, HEAD = 24, EDGE = 8, BARS = 80; // pixels; bars of a picture, each several bins

const whole = (number) => number.toLocaleString("en");
const ratio = (part) => `${(100 * part).toFixed(part < 0.1 ? 2 : 1)}\u00a0%`;
const counted = (counts, from = 0) => counts.slice(from).reduce((total, value) => total + value, 0);

// What passes a threshold at the lower edge of bin `cut`.
function rates([genuine, impostor], cut) {
  const passed = counted(genuine, cut), wrong = counted(impostor, cut);
  const told = { passed, genuine: counted(genuine), false: wrong, impostors: counted(impostor) };
  return { ...told, tar: passed / told.genuine, far: wrong / told.impostors };
}

// The lowest cut at which no more than a share `far` of the impostors pass.
function cutAt([, impostor], far) {
  const most = far * counted(impostor);
  let cut = impostor.length;
  for (let passing = 0; cut > 0 && passing + impostor[cut - 1] <= most; cut--) passing += impostor[cut - 1];
  return cut;
}

// Bars of one kind of pairs from the line `base`, upwards (-1) or downwards (1); solid from x = `line` on.
function bars(name, counts, { width, base, way, line }) {
  const edge = (bar) => Math.round((bar * counts.length) / BARS);
  const heights = Array.from({ length: BARS }, (_, bar) => counted(counts.slice(edge(bar), edge(bar + 1))));
  const most = Math.max(...heights), x = (bin) => EDGE + ((width - 2 * EDGE) * bin) / counts.length;
  return heights.flatMap((height, bar) => {
    const long = (height / most) * (PANEL / 2 - 4), left = x(edge(bar)), right = x(edge(bar + 1));
    const part = (from, to, more) => to > from && long > 0 ? [make("svg:rect", { class: `salon-${name} ${more}`,
      x: from, width: to - from, y: way < 0 ? base - long : base, height: long })] : [];
    return [...part(left, Math.min(right, line), "salon-refused"), ...part(Math.max(left, line), right, "")];
  });
}

// Genuine pairs upwards and impostor pairs downwards, below a head and what stands at its right; a line at x = `line`.
// Without counts only a sentence stands there.
function panel(top, width, counts, line, head, beside) {
  const base = top + HEAD + PANEL / 2, way = { genuine: -1, impostor: 1 };
  const frame = [text(head, { class: "salon-strong", x: EDGE, y: top + 16 }),
    make("svg:line", { class: "salon-axis", x1: EDGE, x2: width - EDGE, y1: base, y2: base })];
  if (!counts) return [...frame, text(beside, { x: width / 2, y: base - 8, "text-anchor": "middle" })];
  return [text(beside, { class: "salon-rate", x: width - EDGE, y: top + 16, "text-anchor": "end" }),
    ...Object.keys(way).flatMap((kind, i) => bars(kind, counts[i], { width, base, way: way[kind], line })), ...frame,
    make("svg:line", { class: "salon-line", x1: line, x2: line, y1: top + HEAD, y2: top + HEAD + PANEL })];
}
