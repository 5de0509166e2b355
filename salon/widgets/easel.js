// A face to paint on, by pointer or by key; and pictures on a canvas.

const BRUSH = 0.08, STEP = 0.05; // in widths of the face: the brush's radius, and how far an arrow moves it
const MOVES = { ArrowRight: [STEP, 0], ArrowLeft: [-STEP, 0], ArrowDown: [0, STEP], ArrowUp: [0, -STEP] };

const draw = (canvas, picture) =>
  canvas.getContext("2d").putImageData(new ImageData(toPixels(picture), picture.size), 0, 0);

function thumbnail(picture) {
  const canvas = make("canvas", { width: picture.size, height: picture.size });
  draw(canvas, picture);
  return canvas;
}

// A square canvas to paint on, by pointer or by key. `touch(x, y, { covers, begins })`, in widths of the canvas, is
// called for each place that a stroke comes by.
function easel(size, touch) {
  const canvas = control("canvas", { width: size, height: size, tabindex: 0, role: "application" });
  const ring = make("span", { class: "salon-ring", "aria-hidden": "true" });
  let at = [0.5, 0.46];
  const moveTo = (x, y) => {
    at = [x, y].map((value) => Math.min(Math.max(value, 0), 1));
    ring.style.cssText = `left: ${100 * at[0]}%; top: ${100 * at[1]}%; width: ${200 * BRUSH}%`;
  };
  const stroke = (event, begins) => {
    const box = canvas.getBoundingClientRect(), [x, y] = at, covers = !event.shiftKey;
    moveTo((event.clientX - box.left) / box.width, (event.clientY - box.top) / box.height);
    if (!begins && !event.buttons) return;
    const steps = begins ? 1 : Math.ceil(Math.hypot(at[0] - x, at[1] - y) / (BRUSH / 2));
    for (let n = 1; n <= steps; n++)
      touch(x + (at[0] - x) * n / steps, y + (at[1] - y) * n / steps, { covers, begins });
  };
  canvas.onpointerdown = (event) => { canvas.setPointerCapture(event.pointerId); stroke(event, true); };
  canvas.onpointermove = (event) => stroke(event, false);
  canvas.onkeydown = (event) => {
    const [x, y] = MOVES[event.key] ?? [0, 0], covers = event.key !== "Backspace";
    if (x || y) moveTo(at[0] + x, at[1] + y);
    else if (event.key === " " || !covers) touch(...at, { covers, begins: true });
    else return;
    event.preventDefault();
  };
  moveTo(...at);
  return { canvas, element: make("div", { class: "salon-easel" }, canvas, ring) };
}

// One touch of the brush on a mask [size * size]: 1 where it covers, 0 where it uncovers.
function brush(mask, size, x, y, covers) {
  const touched = new Uint8Array(mask.length);
  dab(touched, size, x * size, y * size, BRUSH * size);
  touched.forEach((on, i) => { if (on) mask[i] = +covers; });
}

// Unpack a network and its faces, then `begin`; a network that the kernel sends later takes the
// place of this one, and what `begin` returned is called.
async function opened({ model, el }, name, begin) {
  const words = model.get("words"), facts = model.get("facts"), { tile, frames } = facts, people = [];
  const section = make("section", { class: `salon salon-${name}`, "aria-label": words.title });
  const read = async () => openNetwork(await unsqueezed(model.get("network")));
  el.append(section);
  try {
    const net = await read(), faces = await readFaces(model.get("faces"), tile);
    while (faces.length) people.push(faces.splice(0, frames));
    const onNetwork = begin({ section, words, facts, net, people, model });
    model.on("change:network", async () => { Object.assign(net, await read()); onNetwork(); });
  } catch (error) { // a host that lost the bytes, a browser that cannot unpack them
    section.replaceChildren(make("p", { role: "alert" }, fill(words.broken, { error: error.message })));
  }
}

// `show`, once a frame, however many events ask for it.
function onceAFrame(show) {
  let waiting = false;
  return () => {
    if (!waiting) requestAnimationFrame(() => { waiting = false; show(); });
    waiting = true;
  };
}

// A slider for each way to spoil a face that `state` has: "resolution", "blocks" (0..1), "yaw" (degrees).
function spoilers(state, words, { tile, yaw: most }, set) {
  const ways = {
    resolution: [1, (strength) => `${Math.round(tile * (SMALLEST / tile) ** strength)} px`],
    blocks: [1, (strength) => `${Math.round(100 * MOST_COVERED * strength)} %`],
    yaw: [most, (degrees) => `${Math.round(degrees)}°`],
  };
  return Object.fromEntries(Object.keys(ways).filter((name) => name in state).map((name) => [name, slider(name, words[name],
    { max: ways[name][0], step: ways[name][0] / 100, shown: ways[name][1], value: () => state[name], set: (x) => set({ [name]: x }) })]));
}

// A person who turns: a cross-fade of the two frames beside a yaw.
const turnedBy = (frames, yaw, { yaw: most }) => crossFade(frames, yaw / most * (frames.length - 1));
