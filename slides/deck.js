// Before Marp's own script: ?route=45 leaves out the other slides; votes are counted; the break has a clock; links
// find a running JupyterLab; figures come alive; ?print=shown, guesses or notes is for the PDFs.
const asked = new URLSearchParams(location.search), ROUTE = ROUTES[asked.get("route")], SAID = WORDS;
document.querySelectorAll("img[data-same]").forEach((one) => (one.src = document.getElementById(one.dataset.same).src));
if (ROUTE) {
  const slides = [...document.querySelectorAll("svg[data-marpit-svg]")], notes = [...document.querySelectorAll(".bespoke-marp-note")];
  slides.forEach((slide, n) => ROUTE.includes(n) || slide.remove());
  notes.forEach((note) => ROUTE.includes(+note.dataset.index) ? note.dataset.index = ROUTE.indexOf(+note.dataset.index) : note.remove());
  ROUTE.forEach((n, place) => {
    const { dataset } = slides[n].querySelector("section");
    [dataset.marpitPagination, dataset.marpitPaginationTotal] = [place + 1, ROUTE.length];
  });
}
// Marp's own rules reach no further up than a section.
document.querySelectorAll("html, svg[data-marpit-svg] section").forEach((one) => (one.dataset.print = asked.get("print") ?? ""));
if (asked.get("print") === "notes")
  document.querySelectorAll("svg[data-marpit-svg]").forEach((slide, n) =>
    slide.after(...document.querySelectorAll(`.bespoke-marp-note[data-index="${n}"]`)));

// A vote is a click on a choice, or its letter; Backspace takes all of a slide back. Every window of the deck shows it.
const shown = () => document.querySelector("svg.bespoke-marp-active section"), kept = (id) => `salon-votes-${id}`;
const votes = (section) => JSON.parse(localStorage.getItem(kept(section.id)) ?? "{}");
function count(section) {
  const all = votes(section), most = Math.max(1, ...Object.values(all));
  for (const choice of section.querySelectorAll(".choice")) {
    const number = all[choice.dataset.choice] ?? 0;
    number ? choice.dataset.votes = number : delete choice.dataset.votes;
    choice.style.setProperty("--share", `${(100 * number) / most}%`);
  }
}
function vote(section, letter) {
  const all = votes(section);
  localStorage.setItem(kept(section.id), JSON.stringify({ ...all, [letter]: (all[letter] ?? 0) + 1 }));
  count(section);
}
addEventListener("storage", ({ key }) => document.querySelectorAll("section:has(.choice)").forEach((one) => kept(one.id) === key && count(one)));
addEventListener("click", (event) => {
  const choice = event.target.closest?.(".choice");
  if (choice) vote(choice.closest("section"), choice.dataset.choice);
});
addEventListener("keydown", (event) => {
  const section = shown(), letter = event.key.toUpperCase();
  if (!section || event.ctrlKey || event.metaKey || event.altKey) return;
  const focused = (event.key === "Enter" || event.key === " ") && document.activeElement.closest?.(".choice");
  if (focused) { event.preventDefault(); event.stopPropagation(); vote(section, focused.dataset.choice); }
  else if (section.querySelector(`.choice[data-choice="${/^[A-D]$/.test(letter) ? letter : "none"}"]`)) vote(section, letter);
  else if (event.key === "Backspace") { localStorage.removeItem(kept(section.id)); count(section); }
}, true);

// The break says when it ends, from the moment it is shown; a second click on the time begins it anew.
function clock(section) {
  const time = section.querySelector(".back");
  if (!time || time.textContent) return;
  const end = new Date(Date.now() + time.dataset.minutes * 60000);
  time.textContent = SAID.back.replace("{time}", `${end.getHours()}:${String(end.getMinutes()).padStart(2, "0")}`);
}
new MutationObserver(() => shown() && clock(shown())).observe(document.body, { subtree: true, attributeFilter: ["class"] });
addEventListener("click", (event) => event.target.matches?.(".back") && (event.target.textContent = "", clock(shown())));

// A cell's link: JupyterLab where one answers within a moment, else the page beside the deck.
addEventListener("click", async (event) => {
  const link = event.target.closest?.("a[data-lab]");
  if (!link) return;
  event.preventDefault();
  const lab = new URL(link.dataset.lab), limit = AbortSignal.timeout(700);
  const there = await fetch(new URL("/api", lab), { mode: "no-cors", signal: limit }).then(() => true, () => false);
  const page = location.pathname.includes("/slides/dist/") ? link.href
    : link.href.replace(/.*\/notebooks\/(zh\/)?(.*)\.ipynb/, (_, zh, name) => new URL(`../${zh ? "zh" : "en"}/notebooks/${name}.html`, location)) + lab.hash.replace("cell-id=", "");
  open(there ? lab : page, "salon-cell");
});

// What lives on slides is put together when the first slide stands, one page after the other; a PDF has none.
function bringToLife() {
  const { parts, pages } = JSON.parse(document.getElementById("living").textContent);
  const frames = [...document.querySelectorAll("iframe[data-page]")];
  const next = () => {
    const frame = frames.shift();
    if (frame) Object.assign(frame, { onload: next, srcdoc: pages[frame.dataset.page].map((n) => parts[n]).join("") });
  };
  next();
}
if (!asked.has("print")) addEventListener("load", () => requestAnimationFrame(() => setTimeout(bringToLife)));
