// A reader's own photograph: opened, its eyes and mouth pointed at, warped onto the template of the rendered faces. All
// of it happens in the page; nothing is sent anywhere.

const LARGEST = 8192, LEAST = 32; // pixels a side
// Of the five-point template, in widths of a face: two eyes, and the middle of the mouth (of 112 px: y = 52 and 92).
const TEMPLATE = [[0.342, 52 / 112], [0.658, 52 / 112], [0.5, 92 / 112]];

// A file as a bitmap, turned as its camera says; throws an error whose message is the name of a text.
export async function openPhoto(file) {
  const bitmap = await createImageBitmap(file, { imageOrientation: "from-image" }).catch(() => null);
  if (!bitmap) throw new Error("no_picture");
  if (Math.max(bitmap.width, bitmap.height) > LARGEST) throw new Error("huge");
  if (Math.min(bitmap.width, bitmap.height) < LEAST) throw new Error("tiny");
  if (!readsBack()) throw new Error("disturbed");
  return bitmap;
}

// Does a canvas hand back what was put into it? Some browsers add noise, so that nobody is known by it again.
function readsBack() {
  const context = make("canvas", { width: 16, height: 16 }).getContext("2d", { willReadFrequently: true });
  const known = new ImageData(16, 16);
  known.data.forEach((_, i) => { known.data[i] = i % 4 === 3 ? 255 : (37 * i + 11 * (i >> 5)) % 256; });
  context.putImageData(known, 0, 0);
  return context.getImageData(0, 0, 16, 16).data.every((value, i) => value === known.data[i]);
}

// A bitmap as large as fits into a square canvas, and where a point of that square (0..1) lies in the bitmap.
export function showPhoto(canvas, bitmap) {
  const { width, height } = bitmap, longer = Math.max(width, height), context = canvas.getContext("2d");
  const [left, top] = [(longer - width) / 2, (longer - height) / 2], scale = canvas.width / longer;
  context.fillRect(0, 0, canvas.width, canvas.width);
  context.drawImage(bitmap, left * scale, top * scale, width * scale, height * scale);
  return (x, y) => [x * longer - left, y * longer - top];
}

// The photograph as a face of `size` pixels: turned, scaled and shifted so that the three points (two eyes in either
// order, then the mouth) come as near to the template as they can; null where they lie in one place.
export function alignPhoto(bitmap, points, size) {
  const [[eye, other], mouth] = [points.slice(0, 2).sort((a, b) => a[0] - b[0]), points[2]];
  const [turn, shift] = similarity([eye, other, mouth], TEMPLATE) ?? [];
  if (!turn) return null;
  const wide = 4 * size, canvas = make("canvas", { width: wide, height: wide });
  const context = canvas.getContext("2d", { willReadFrequently: true });
  context.fillStyle = "#777"; // what lies beyond the edge
  context.fillRect(0, 0, wide, wide);
  context.imageSmoothingQuality = "high";
  context.setTransform(...[turn[0], turn[1], -turn[1], turn[0], ...shift].map((value) => wide * value));
  context.drawImage(bitmap, 0, 0);
  const { data } = context.getImageData(0, 0, wide, wide);
  const plane = (c) => Float32Array.from({ length: wide ** 2 }, (_, i) => data[4 * i + c] / 255);
  return { size, planes: [0, 1, 2].map((c) => resize(plane(c), wide, size, linear)) };
}

// The least squares for z -> a z + b with complex a and b: [[a], [b]], each real and imaginary part.
function similarity(from, to) {
  const middle = (points) => [0, 1].map((i) => mean(points.map((point) => point[i])));
  const [p, q] = [middle(from), middle(to)];
  let re = 0, im = 0, spread = 0;
  from.forEach(([x, y], i) => {
    const [u, v, s, t] = [x - p[0], y - p[1], to[i][0] - q[0], to[i][1] - q[1]];
    re += u * s + v * t; im += u * t - v * s; spread += u * u + v * v;
  });
  if (spread < 1) return null;
  const a = [re / spread, im / spread];
  return [a, [q[0] - a[0] * p[0] + a[1] * p[1], q[1] - a[1] * p[0] - a[0] * p[1]]];
}

// From a file to a face: a button, three points on `canvas`, then `onFace(picture)`. While `busy()` the canvas shows
// the whole photograph and its touches go to `point`; `onEnd` is called when it is free again.
function photographer(canvas, words, size, onEnd, onFace) {
  const file = control("input", { type: "file", accept: "image/*", hidden: "", "aria-label": words.photo });
  const button = control("button", { type: "button" }, words.photo);
  const said = status("salon-asks");
  let photo = null, place = null, points = [];

  function leave(text = "") {
    photo?.close();
    [photo, points, said.textContent] = [null, [], text];
    canvas.width = canvas.height = size;
    onEnd();
  }
  function point(x, y) {
    const context = canvas.getContext("2d"), radius = canvas.width / 80;
    points.push(place(x, y));
    context.fillStyle = "#d55e00";
    context.fillRect(x * canvas.width - radius, y * canvas.width - radius, 2 * radius, 2 * radius);
    said.textContent = words[`ask_${points.length}`] ?? "";
    if (points.length < 3) return;
    const face = alignPhoto(photo, points, size);
    leave(face ? words.stays : words.one_place);
    if (face) onFace(face);
  }
  button.onclick = () => file.click();
  file.onchange = async () => {
    leave();
    try {
      photo = await openPhoto(file.files[0]);
      canvas.width = canvas.height = 6 * size;
      place = showPhoto(canvas, photo);
      said.textContent = words.ask_0;
      canvas.focus();
    } catch (error) {
      said.textContent = words[error.message] ?? error.message;
    }
    file.value = ""; // the same file may be chosen again
  };
  return { element: make("div", {}, button, file, said), busy: () => photo !== null, point, leave };
}
