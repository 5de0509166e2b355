// What comes deflated: a network, and faces. No canvas reads them: browsers that guard against fingerprinting add noise to
// what a canvas hands back.

async function inflate(bytes) {
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate"));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

// A network as it comes from a kernel, or as `squeeze` made it smaller for a page: all even bytes, then all odd ones.
export async function unsqueezed(blob) {
  const bytes = toBytes(blob);
  if (bytes[0] !== 0x78) return bytes; // no deflate
  const halves = await inflate(bytes), middle = (halves.length + 1) >> 1;
  return halves.map((_, i) => halves[i & 1 ? middle + (i >> 1) : i >> 1]);
}

// The faces of what `squeeze_faces` wrote, `size` pixels a side: each row is added to the one below it, then green to red
// and blue; bytes, so all of it is mod 256.
export async function readFaces(blob, size) {
  const bytes = await inflate(toBytes(blob)), area = size * size;
  bytes.forEach((_, i) => { if (i % area >= size) bytes[i] += bytes[i - size]; });
  return Array.from({ length: bytes.length / area / 3 }, (_, n) => {
    const face = bytes.subarray(3 * area * n, 3 * area * (n + 1));
    for (let i = 0; i < area; i++) for (const c of [0, 2]) face[c * area + i] += face[area + i];
    return toPicture(face, size, 255);
  });
}
