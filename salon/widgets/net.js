// The network of salon/model/network.py in plain loops, from what `pack` wrote. Arrays are flat, the last axis runs
// fastest: [H, W, C] holds channel c of pixel (y, x) at (y * W + x) * C + c.

// A base64 string (in a page) or what a Bytes trait becomes (in a notebook), as bytes; none, if it is neither.
export function toBytes(blob) {
  if (typeof blob !== "string") return new Uint8Array(blob?.buffer ?? blob ?? 0, blob?.byteOffset, blob?.byteLength);
  try {
    const letters = atob(blob);
    return new Uint8Array(letters.length).map((_, i) => letters.charCodeAt(i));
  } catch {
    return new Uint8Array(0);
  }
}

// What `pack` wrote: the header, and in it each matrix where its name stands.
export function openNetwork(blob) {
  const bytes = toBytes(blob), text = (from, to) => new TextDecoder().decode(bytes.subarray(from, to));
  if (!bytes.length) // some hosts hand on no binary traits
    throw new Error("No byte of the network came through. Set SALON_WIDGETS=page, and run the notebook again.");
  if (bytes.length < 16 || text(0, 8) !== "URFACE 1")
    throw new Error(`These ${bytes.length} bytes are no network; expected what pack(recogniser) returns.`);
  const [header, count] = new Uint32Array(bytes.slice(8, 16).buffer), whole = 16 + header + 2 * count;
  if (bytes.length !== whole) throw new Error(`${bytes.length} of the network's ${whole} bytes came. Load it again.`);
  const weights = singles(new Uint16Array(bytes.slice(16 + header).buffer)); // a copy, which begins at an even place
  const read = { weight: ({ at, count }) => weights.subarray(at, at + count), bias: (x) => Float32Array.from(x) };
  return JSON.parse(text(16, 16 + header), (name, value) => read[name]?.(value) ?? value);
}

// float16 to float32: sign, exponent and fraction move to where float32 has them, whose exponent counts from 112 lower.
function singles(halves) {
  const bits = new Uint32Array(halves.length);
  halves.forEach((half, i) => { bits[i] = ((half & 0x8000) << 16) | ((half & 0x7fff) << 13); });
  return new Float32Array(bits.buffer).map((value) => value * 2 ** 112);
}

// What the network says of a picture that is shown as `views` [V][S, S, C] (itself, perhaps its mirror image):
// features [K][d] of length 1, confidences [K], variances [K] or null.
export function forward(net, views) {
  const { K, d, parts, heads } = net, shown = stacked(parts > 1 ? places(net, views) : views);
  const trunk = net.backbone.reduce((x, layer) => convolve(layer, x, parts * views.length), shown);
  const ask = (name) => answers(heads[name], trunk, views.length, parts); // [V][outputs]
  const fused = (rows, read) => rows[0].map((_, k) => sum(rows.map((row) => read(row[k], k))) / rows.length);
  const seen = ask("embedding").map((row) => Array.from({ length: K }, (_, k) => unit(row.slice(k * d, (k + 1) * d))));
  const confidence = (x) => net.scale * Math.exp(net.spread * Math.tanh(x / net.spread)); // within s0 exp(±spread)
  const variance = (x, k) => Math.exp(net.gamma * x + net.beta) + net.floor[k];
  return {
    features: seen[0].map((f, k) => unit(f.map((_, i) => sum(seen.map((view) => view[k][i]))))),
    confidences: net.frozen > 0 ? Array(K).fill(net.frozen) : fused(ask("confidence"), confidence),
    variances: heads.variance ? fused(ask("variance"), variance) : null,
  };
}

// A convolution is a matrix product: each pixel's neighbourhood is a row of the one matrix, each filter of the other.
function convolve(layer, x, B) {
  const C = layer.weight.length / layer.bias.length / layer.kernel ** 2, S = Math.sqrt(x.length / B / C);
  return product(neighbourhoods(layer, x, B, S, C), layer.weight, layer.bias, layer.slope); // [B, T, T, O]
}

// The k × k pixels around each that a stride leaves, 0 beyond the edge: [B, S, S, C] -> [B * T * T, k * k * C].
function neighbourhoods({ kernel, stride }, x, B, S, C) {
  const T = Math.ceil(S / stride), half = kernel >> 1, rows = new Float32Array(B * T * T * kernel ** 2 * C);
  let at = 0;
  for (let b = 0; b < B; b++) for (let row = 0; row < T; row++) for (let column = 0; column < T; column++)
    for (let i = -half; i <= half; i++) for (let j = -half; j <= half; j++, at += C) {
      const y = row * stride + i, z = column * stride + j;
      if (y < 0 || z < 0 || y >= S || z >= S) continue;
      for (let c = 0, from = ((b * S + y) * S + z) * C; c < C; c++) rows[at + c] = x[from + c];
    }
  return rows;
}

// out[p, o] = Σ_i rows[p, i] weight[o, i] + bias[o], then a leaky ReLU (slope 1: none). Three nested loops would do;
// two rows by four outputs at a time are quicker (at an odd end the last row or output is done again).
function product(rows, weight, bias, slope) {
  const O = bias.length, N = weight.length / O, P = rows.length / N, out = new Float32Array(P * O);
  const sums = new Float64Array(8);
  for (let o = 0; o < O; o += 4)
    for (let p = 0; p < P; p += 2) {
      eightSums(rows, p, Math.min(p + 1, P - 1), weight, o, O - 1, N, sums);
      for (let i = 0; i < 8; i++) {
        const to = Math.min(o + (i & 3), O - 1), x = sums[i] + bias[to];
        out[Math.min(p + (i >> 2), P - 1) * O + to] = x < 0 ? slope * x : x;
      }
    }
  return out;
}

// The time goes here. A number once fetched serves several of the eight sums; these are double, since rounding each step
// to single would take nearly twice as long.
function eightSums(rows, p, q, weight, o, last, N, sums) {
  const s = o * N, t = Math.min(o + 1, last) * N, u = Math.min(o + 2, last) * N, v = Math.min(o + 3, last) * N;
  let a0 = 0, a1 = 0, a2 = 0, a3 = 0, b0 = 0, b1 = 0, b2 = 0, b3 = 0;
  for (let i = 0, y = p * N, z = q * N; i < N; i++, y++, z++) {
    const a = rows[y], b = rows[z], w0 = weight[s + i], w1 = weight[t + i], w2 = weight[u + i], w3 = weight[v + i];
    a0 += a * w0; a1 += a * w1; a2 += a * w2; a3 += a * w3;
    b0 += b * w0; b1 += b * w1; b2 += b * w2; b3 += b * w3;
  }
  sums[0] = a0; sums[1] = a1; sums[2] = a2; sums[3] = a3; sums[4] = b0; sums[5] = b1; sums[6] = b2; sums[7] = b3;
}

// A head's layers on what the backbone saw, [V][outputs]: each part's own rows of the weights on its own place.
function answers(layers, trunk, V, parts) {
  const out = Array.from({ length: V }, () => []);
  for (let p = 0; p < parts; p++) {
    const rows = layers.reduce((x, { weight, bias, slope }) =>
      product(x, share(weight, p, parts), share(bias, p, parts), slope), share(trunk, p, parts));
    out.forEach((row, v) => row.push(...share(rows, v, V)));
  }
  return out;
}

// Squares of h pixels that overlap by half, place after place: [V][S, S, C] -> [parts * V][h, h, C].
function places({ parts, spec: { size } }, views) {
  const side = Math.sqrt(parts), h = 2 * size / (side + 1), C = views[0].length / size ** 2;
  const cut = (view, top, left) => stacked(Array.from({ length: h }, (_, y) =>
    view.subarray(((top + y) * size + left) * C, ((top + y) * size + left + h) * C)));
  return Array.from({ length: parts }, (_, p) => [Math.floor(p / side), p % side].map((i) => i * (h >> 1)))
    .flatMap(([top, left]) => views.map((view) => cut(view, top, left)));
}

// The i-th of n equal parts of an array.
const share = (x, i, n) => x.subarray(i * x.length / n, (i + 1) * x.length / n);

function stacked(arrays) {
  const out = new Float32Array(arrays.length * arrays[0].length);
  arrays.forEach((array, i) => out.set(array, i * array.length));
  return out;
}

const sum = (values) => values.reduce((total, value) => total + value, 0);
const dot = (a, b) => sum(a.map((x, i) => x * b[i]));
const unit = (a) => { const length = Math.max(Math.sqrt(dot(a, a)), 1e-12); return a.map((x) => x / length); };

// Mean cosine of the sub-embeddings of two answers of `forward`, -1..1.
export const cosine = (a, b) => sum(a.features.map((f, k) => dot(f, b.features[k]))) / a.features.length;

// What each sub-embedding adds to score (16), [K]: -(‖f_a - f_b‖² / v + d log v) / 2, where v = σ_a² + σ_b².
export function likelihoodTerms(a, b) {
  if (!a.variances || !b.variances) throw new Error("No variances came; expected fitted ones. First fit_variances.");
  return a.features.map((f, k) => {
    const v = a.variances[k] + b.variances[k], apart = f.map((x, i) => x - b.features[k][i]);
    return -(dot(apart, apart) / v + f.length * Math.log(v)) / 2;
  });
}

// Score (16); higher is more alike.
export const likelihood = (a, b) => sum(likelihoodTerms(a, b));
