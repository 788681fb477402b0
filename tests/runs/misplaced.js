() => {
  // What is outside the page, cut off, or on top of its neighbour: texts that begin with the reason.
  const wrong = [];
  const tell = (reason, element) => wrong.push(`${reason}: ${element.outerHTML.slice(0, 120)}`);
  const print = matchMedia("print").matches;
  const all = [...document.querySelectorAll("body *")].filter((element) =>
    element.checkVisibility() && !element.closest(".skip, .visually-hidden, #vg-tooltip-element, option"));
  for (const element of all) {
    const style = getComputedStyle(element);
    const scroller = element.parentElement.closest(".table");
    const drawing = element.closest("svg");
    if (!scroller || print) {
      if (element.getBoundingClientRect().right > innerWidth + 1) tell("outside", element);
    }
    if (drawing || element.scrollWidth <= element.clientWidth + 1) continue;
    if (["hidden", "clip"].includes(style.overflowX)) tell("cut off", element);
    if (element.matches("th, td")) tell("runs into its neighbour", element);
    if (["auto", "scroll"].includes(style.overflowX)) {
      const labelled = element.getAttribute("role") === "region" && element.tabIndex === 0
        && (element.ariaLabel || document.getElementById(element.getAttribute("aria-labelledby")));
      const said = element.previousElementSibling?.matches(".scrolled") && element.previousElementSibling.checkVisibility();
      if (!labelled || !said) tell("goes on without saying so", element);
      if (element.closest(".verdict")) tell("a card that has to be scrolled", element);
    }
  }
  for (const drawing of document.querySelectorAll(".chart svg")) {
    if (drawing.getBoundingClientRect().width > drawing.closest(".chart").clientWidth + 1) tell("wider than its place", drawing);
  }
  for (const text of document.querySelectorAll(".chart svg text")) {
    const place = text.closest("svg").getBoundingClientRect(), box = text.getBoundingClientRect();
    const out = Math.max(place.left - box.left, box.right - place.right, place.top - box.top, box.bottom - place.bottom);
    if (text.textContent && getComputedStyle(text).opacity !== "0" && out > 2) tell("cut off", text);
  }
  for (const parent of document.querySelectorAll("header, main, section, figure, .figures, .verdicts, .verdict, .answers, .answers dl > div, .controls, tr")) {
    const boxes = [...parent.children]
      .filter((child) => child.checkVisibility() && !child.closest(".visually-hidden") && getComputedStyle(child).position === "static")
      .map((child) => [child, child.getBoundingClientRect()])
      .filter(([, box]) => box.width && box.height);
    boxes.forEach(([child, a], place) => {
      for (const [, b] of boxes.slice(place + 1)) {
        const across = Math.min(a.right, b.right) - Math.max(a.left, b.left);
        const down = Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top);
        if (across > 1 && down > 1) tell("lies on its neighbour", child);
      }
    });
  }
  return wrong;
}
