// What stands on the slide that is shown: texts with their sizes, formulas, figures, what leaves the slide or is covered.
() => {
  const section = document.querySelector("svg.bespoke-marp-active section");
  // How many pixels a unit of a figure has; nothing for one that is not shown.
  const drawn = (svg) => Math.min(svg.clientWidth / svg.viewBox.baseVal.width, svg.clientHeight / svg.viewBox.baseVal.height);
  const words = [], walk = document.createTreeWalker(section, NodeFilter.SHOW_TEXT);
  while (walk.nextNode()) {
    const text = walk.currentNode.textContent.trim(), parent = walk.currentNode.parentElement;
    const svg = parent.closest("svg.figure"), times = svg ? drawn(svg) : 1;
    if (text && times && !parent.closest("mjx-container, style, script"))
      words.push([text, parseFloat(getComputedStyle(parent).fontSize) * times]);
  }
  const page = getComputedStyle(section, "::after");
  words.push([page.content, parseFloat(page.fontSize)]);
  const formulas = [...section.querySelectorAll("mjx-container > svg")]
    .map((svg) => svg.getBoundingClientRect().width / svg.viewBox.baseVal.width * 1000);
  const figures = [...section.querySelectorAll("figure:not(.lit) img")].filter((img) => img.clientWidth).map((img) => Math.min(img.clientWidth / img.naturalWidth, img.clientHeight / img.naturalHeight));
  const all = [...section.querySelectorAll(":scope > :not(div), :scope > div > *")];
  const outside = [], foot = section.querySelector("footer").getBoundingClientRect().top;
  for (const part of all.flatMap((one) => one.matches("header, footer") ? [] : [one, ...one.querySelectorAll("*")])) {
    if (part.closest("mjx-assistive-mml, svg svg, defs, svg.figure *, .still *")) continue;
    const box = part.getBoundingClientRect();
    if (box.width && (box.left < 0 || box.right > 1280 || box.top < 0 || box.bottom > foot + 1))
      outside.push(part.tagName + " " + [box.left, box.top, box.right, box.bottom].map(Math.round));
  }
  const meet = (box, other) => box.width && other.width && box.top < other.bottom - 1 && other.top < box.bottom - 1
    && box.left < other.right - 1 && other.left < box.right - 1;
  const boxes = all.map((one) => one.getBoundingClientRect());
  const over = !section.matches(".title, .two") && boxes.some((box, i) => boxes.slice(0, i).some((other) => meet(box, other)));
  for (const frame of section.querySelectorAll("iframe")) {
    const page = frame.contentDocument.documentElement;
    if (page.scrollWidth > page.clientWidth || page.scrollHeight > page.clientHeight)
      outside.push(`IFRAME ${page.scrollWidth} × ${page.scrollHeight} in ${page.clientWidth} × ${page.clientHeight}`);
  }
  const iframes = section.querySelectorAll("iframe").length;
  return { words, formulas, figures, outside, over, iframes, shown: section.innerText };
}
