// Pictures and what spoils them, as salon/faces/variations.py and InputSpec.prepare have it. A picture is square:
// { size, planes }, one plane (grey) or three (RGB), each a Float32Array [size * size] in 0..1. Pixels are never read
// back from a canvas: browsers that guard against fingerprinting hand back noise.

const LUMA = [0.299, 0.587, 0.114], FLAT = 0.01;
const SMALLEST = 3, BLOCKS = 7, MOST_COVERED = 0.8;
const single = Math.fround; // strengths are float32 in Python: a tie must fall on the same side here

const each = (picture, change) => ({ ...picture, planes: picture.planes.map(change) });

// A picture out of values [C, size, size] in 0..most, such as the bytes of an image.
export function toPicture(values, size, most = 1) {
  const planes = Array.from({ length: values.length / size ** 2 }, (_, c) =>
    Float32Array.from(values.subarray(c * size ** 2, (c + 1) * size ** 2), (value) => value / most));
  return { size, planes };
}

// What a canvas shows: context.putImageData(new ImageData(toPixels(picture), picture.size), 0, 0).
export function toPixels({ size, planes: [r, g = r, b = r] }) {
  const out = new Uint8ClampedArray(4 * size ** 2).fill(255);
  for (let i = 0; i < size ** 2; i++) [r, g, b].forEach((plane, c) => { out[4 * i + c] = 255 * plane[i]; });
  return out;
}

// What the network is shown: the picture, and its mirror image if the spec asks for it; each [S, S, C].
export function views(picture, spec) {
  const { size } = picture;
  const mirror = each(picture, (plane) => plane.map((_, i) => plane[i + size - 1 - 2 * (i % size)]));
  return (spec.flip ? [picture, mirror] : [picture]).map((view) => prepare(view, spec));
}

function prepare({ size, planes: [r, g = r, b = r] }, spec) {
  const grey = () => r.map((_, i) => LUMA[0] * r[i] + LUMA[1] * g[i] + LUMA[2] * b[i]);
  const planes = spec.colour === "grey" ? [grey()] : [r, g, b], C = planes.length, S = spec.size;
  const whole = size === S ? S : S + spec.border, edge = (whole - S) >> 1; // of the right size it loses no border
  const out = new Float32Array(S * S * C);
  planes.map((plane) => resize(plane, size, whole, linear)).forEach((plane, c) => {
    for (let i = 0; i < S * S; i++) out[i * C + c] = plane[(edge + Math.floor(i / S)) * whole + edge + (i % S)];
  });
  const { mean, scale } = spec.normalise === "fixed" ? spec : statistics(out);
  return out.map((value) => (value - mean) / scale);
}

function statistics(values) {
  const mean = values.reduce((total, value) => total + value, 0) / values.length;
  const squares = values.reduce((total, value) => total + (value - mean) ** 2, 0);
  return { mean, scale: Math.max(Math.sqrt(squares / (values.length - 1)), FLAT) };
}

// A square plane at another size, the rows first, then the columns: each new pixel is a weighted mean of old ones.
function resize(plane, from, to, kernel) {
  const taps = Array.from({ length: to }, (_, i) => kernel((i + 0.5) * from / to, from, from / to));
  const narrow = (values) => { // [rows, from] -> [to, rows], so that a second time does the columns
    const rows = values.length / from, out = new Float32Array(to * rows);
    taps.forEach((tap, i) => tap.forEach(([at, weight]) => {
      for (let row = 0; row < rows; row++) out[i * rows + row] += weight * values[row * from + at];
    }));
    return out;
  };
  return narrow(narrow(plane));
}

// [place, weight] of the pixels under a tent around `centre` that is as wide as shrinking asks: bilinear, antialiased.
function linear(centre, from, scale) {
  const reach = Math.max(scale, 1), first = Math.max(Math.trunc(centre - reach + 0.5), 0);
  const last = Math.min(Math.trunc(centre + reach + 0.5), from);
  const height = (x) => Math.max(0, 1 - Math.abs(x + 0.5 - centre) / reach);
  const tent = Array.from({ length: last - first }, (_, i) => height(first + i));
  const total = tent.reduce((a, b) => a + b, 0);
  return tent.map((weight, i) => [first + i, weight / total]);
}

// [place, weight] of the four pixels nearest to `centre` under Keys' kernel, edges repeated: bicubic, for enlarging.
function cubic(centre, from) {
  const middle = Math.floor(centre - 0.5), a = -0.75;
  return [-1, 0, 1, 2].map((i) => {
    const x = Math.abs(centre - 0.5 - middle - i);
    const weight = x < 1 ? ((a + 2) * x - (a + 3)) * x * x + 1 : ((x - 5) * x + 8) * a * x - 4 * a;
    return [Math.min(Math.max(middle + i, 0), from - 1), weight];
  });
}

// Python's and torch's round: a half goes to the even neighbour.
function rounded(x) {
  const up = Math.round(x);
  return up - x === 0.5 && up % 2 ? up - 1 : up;
}

// Shrunk to size (3 / size)^strength pixels and enlarged again.
export function lowResolution(picture, strength) {
  const { size } = picture, pixels = rounded(single(size * single(single(SMALLEST / size) ** single(strength))));
  if (pixels >= size) return picture;
  const again = (plane) => resize(resize(plane, size, pixels, linear), pixels, size, cubic);
  return each(picture, (plane) => again(plane).map((value) => Math.min(Math.max(value, 0), 1)));
}

// A share (0..1, at row y and column x) of each pixel made black.
function blacken(picture, share) {
  const { size } = picture;
  return each(picture, (plane) => plane.map((value, i) => value * (1 - share(Math.floor(i / size), i % size))));
}

// Blocks of a 7 × 7 grid made black. `order` [49] holds each block's turn and is drawn by the caller (in Python by
// `block_order`): torch's random generator is not rebuilt here.
export function occlusion(picture, strength, order) {
  const covered = rounded(single(single(single(strength) * single(MOST_COVERED)) * BLOCKS ** 2));
  const block = (i) => Math.floor(single(i * single(BLOCKS / picture.size)));
  return blacken(picture, (y, x) => order[BLOCKS * block(y) + block(x)] < covered);
}

// Black where a brush has been: `mask` [size * size], 0 where it has not, 1 where it has.
export const paint = (picture, mask) => blacken(picture, (y, x) => mask[y * picture.size + x]);

// One touch of a round brush, in pixels, on a mask.
export function dab(mask, size, x, y, radius) {
  for (let i = 0; i < mask.length; i++)
    if (Math.hypot((i % size) + 0.5 - x, Math.floor(i / size) + 0.5 - y) <= radius) mask[i] = 1;
}

// A turn of the head out of rendered frames: at 2.3, seven tenths of frame 2 and three of frame 3.
export function crossFade(frames, position) {
  const first = Math.min(Math.floor(position), frames.length - 1), share = position - first;
  const next = frames[Math.min(first + 1, frames.length - 1)];
  return each(frames[first], (plane, c) => plane.map((value, i) => value + share * (next.planes[c][i] - value)));
}
