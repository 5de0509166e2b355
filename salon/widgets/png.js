// Bytes unpacked and pictures read without a canvas: browsers that guard against fingerprinting add noise to what a
// canvas hands back.

async function inflate(...parts) {
  const stream = new Blob(parts).stream().pipeThrough(new DecompressionStream("deflate"));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

// A network as it comes from a kernel, or as `squeeze` made it smaller for a page: all even bytes, then all odd ones.
export async function unsqueezed(blob) {
  const bytes = toBytes(blob);
  if (bytes[0] !== 0x78) return bytes; // no deflate
  const halves = await inflate(bytes), middle = (halves.length + 1) >> 1;
  return halves.map((_, i) => halves[i & 1 ? middle + (i >> 1) : i >> 1]);
}

// What each of a PNG's filters foretells of a byte, from those at its left, above it, and above that at its left.
const FORETOLD = [() => 0, (left) => left, (_, above) => above, (left, above) => (left + above) >> 1, paeth];

function paeth(left, above, corner) {
  const sum = left + above - corner, apart = [left, above, corner].map((value) => Math.abs(sum - value));
  return apart[0] <= apart[1] && apart[0] <= apart[2] ? left : apart[1] <= apart[2] ? above : corner;
}

// A PNG of 8 bits, RGB, not interlaced: { width, bytes [H, W, 3] }.
export async function readPng(blob) {
  const file = toBytes(blob), view = new DataView(file.buffer, file.byteOffset), parts = [];
  for (let at = 8; at < file.length; at += view.getUint32(at) + 12) // length, kind, content, checksum
    if (view.getUint32(at + 4) === 0x49444154) parts.push(file.slice(at + 8, at + 8 + view.getUint32(at))); // IDAT
  const width = view.getUint32(16), line = 3 * width, raw = await inflate(...parts);
  const bytes = new Uint8Array((raw.length / (line + 1)) * line);
  for (let from = 0, to = 0; from < raw.length; ) {
    const foretold = FORETOLD[raw[from++]], first = to < line;
    for (let x = 0; x < line; x++, from++, to++) {
      const left = x < 3 ? 0 : bytes[to - 3], above = first ? 0 : bytes[to - line];
      bytes[to] = raw[from] + foretold(left, above, first || x < 3 ? 0 : bytes[to - line - 3]);
    }
  }
  return { width, bytes };
}

// The faces of what `as_png` wrote, in reading order, `size` pixels a side: green is added to red and blue again.
export async function readFaces(blob, size) {
  const { width, bytes } = await readPng(blob), columns = width / size, pixels = size * size;
  return Array.from({ length: bytes.length / 3 / pixels }, (_, n) => {
    const corner = Math.floor(n / columns) * size * width + (n % columns) * size, values = new Uint8Array(3 * pixels);
    for (let i = 0; i < pixels; i++) {
      const from = 3 * (corner + Math.floor(i / size) * width + (i % size)), green = bytes[from + 1];
      for (let c = 0; c < 3; c++) values[c * pixels + i] = c === 1 ? green : bytes[from + c] + green;
    }
    return toPicture(values, size, 255);
  });
}
