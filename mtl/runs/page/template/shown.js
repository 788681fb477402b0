// Which runs the charts show: one set of checkboxes for the whole page.
const shown = (() => {
  const panel = document.querySelector(".runs-shown");
  const boxes = panel ? [...panel.querySelectorAll("input[data-row]")] : [];
  const listeners = [];
  const rows = () => boxes.filter((box) => box.checked).map((box) => Number(box.dataset.row));

  const tell = () => {
    const now = rows();
    panel.querySelector("output").textContent = `${now.length} of ${boxes.length}`;
    for (const item of document.querySelectorAll(".legend [data-row], .thumbnail [data-row]")) {
      item.classList.toggle("off", !now.includes(Number(item.dataset.row)));
    }
    listeners.forEach((listener) => listener(now));
  };
  const all = (checked) => {
    boxes.forEach((box) => { box.checked = checked; });
    tell();
  };

  if (panel) {
    panel.hidden = false;
    panel.open = matchMedia("(min-width: 1000px)").matches;
    panel.addEventListener("change", tell);
    panel.querySelector("[data-all]").addEventListener("click", () => all(true));
    panel.querySelector("[data-none]").addEventListener("click", () => all(false));
    // What a browser remembers of the boxes over a reload counts.
    tell();
  }
  return { any: boxes.length > 0, rows, listen: (listener) => listeners.push(listener) };
})();
