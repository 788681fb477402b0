// One of several panels at a time.
for (const choose of document.querySelectorAll(".choose")) {
  const select = choose.querySelector("select");
  const panels = [...choose.querySelectorAll("[data-panel]")];
  const show = () => panels.forEach((panel) => { panel.hidden = panel.dataset.panel !== select.value; });
  choose.querySelector(".controls").hidden = panels.length < 2;
  select.addEventListener("change", show);
  show();
}
