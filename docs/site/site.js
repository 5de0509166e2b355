// A widget's page says how tall it is; its frame becomes as tall, on a phone as on a wide screen.
addEventListener("message", ({ source, data }) => {
  for (const frame of document.querySelectorAll("iframe.salon"))
    if (frame.contentWindow === source && data?.height) frame.style.height = `${Math.ceil(data.height)}px`;
});
// The theme's icons stand in the page from the start; to look for more at each formula drawn takes seconds.
window.FontAwesomeConfig = { observeMutations: false };
