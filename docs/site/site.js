// A widget's page says how tall it is; its frame becomes as tall, on a phone as on a wide screen. It is answered with
// the colours of this page, which the reader may have chosen against the system's.
const frames = () => [...document.querySelectorAll("iframe.salon")];
const answer = (frame) => frame.contentWindow.postMessage({ scheme: document.documentElement.dataset.theme }, "*");
addEventListener("message", ({ source, data }) => {
  for (const frame of frames().filter(({ contentWindow }) => contentWindow === source)) {
    frame.style.height = `${Math.ceil(data.height)}px`;
    answer(frame);
  }
});
new MutationObserver(() => frames().forEach(answer)).observe(document.documentElement, { attributeFilter: ["data-theme"] });
// The theme's icons stand in the page from the start; to look for more at each formula drawn takes seconds.
window.FontAwesomeConfig = { observeMutations: false };
