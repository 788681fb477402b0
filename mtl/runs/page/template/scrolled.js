// A table that goes on to the right says so, and keeps its first column in sight.
(() => {
  const look = (table) => {
    const rest = table.scrollWidth - table.clientWidth;
    table.classList.toggle("wide", rest > 1);
    table.classList.toggle("cut", rest - table.scrollLeft > 1);
    table.previousElementSibling.hidden = rest <= 1;
  };
  const resized = new ResizeObserver((entries) => entries.forEach(({ target }) => look(target.closest(".table"))));
  for (const table of document.querySelectorAll(".table")) {
    table.addEventListener("scroll", () => look(table), { passive: true });
    resized.observe(table);
    resized.observe(table.querySelector("table"));
  }
})();
