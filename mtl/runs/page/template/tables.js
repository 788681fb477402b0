// Sorting by the headers, a filter, and columns on and off.
(() => {
  const value = (row, column) => {
    const cell = row.cells[column];
    if (cell.dataset.value === undefined) return cell.textContent.trim().toLowerCase();
    return cell.dataset.value === "" ? null : Number(cell.dataset.value);
  };

  const compare = (a, b, sign) => {
    if (a === b) return 0;
    // What is empty stays at the end, whichever way.
    if (a === null || a === "") return 1;
    if (b === null || b === "") return -1;
    if (typeof a === "number" && typeof b === "number") return sign * (a - b);
    return sign * String(a).localeCompare(String(b), undefined, { numeric: true });
  };

  const sort = (table, header) => {
    const ascending = header.getAttribute("aria-sort") !== "ascending";
    for (const other of header.parentElement.cells) {
      if (other.hasAttribute("aria-sort")) other.setAttribute("aria-sort", "none");
    }
    header.setAttribute("aria-sort", ascending ? "ascending" : "descending");
    const body = table.tBodies[0];
    const rows = [...body.rows];
    rows.sort((a, b) => compare(value(a, header.cellIndex), value(b, header.cellIndex), ascending ? 1 : -1));
    body.append(...rows);
  };

  for (const table of document.querySelectorAll("table[data-sortable]")) {
    for (const header of table.tHead.rows[0].cells) {
      const button = document.createElement("button");
      button.type = "button";
      const note = header.querySelector("small");
      button.append(...[...header.childNodes].filter((node) => node !== note));
      header.prepend(button);
      header.setAttribute("aria-sort", "none");
      button.addEventListener("click", () => sort(table, header));
    }
  }

  for (const tools of document.querySelectorAll("[data-tools-of]")) {
    tools.hidden = false;
    const table = document.getElementById(tools.dataset.toolsOf);
    const rows = [...table.tBodies[0].rows];
    const search = tools.querySelector("input[type=search]");
    const found = tools.querySelector("output");
    const filter = () => {
      const words = search.value.toLowerCase().split(/\s+/).filter(Boolean);
      for (const row of rows) {
        const text = row.textContent.toLowerCase();
        row.hidden = !words.every((word) => text.includes(word));
      }
      found.textContent = `${rows.filter((row) => !row.hidden).length} of ${rows.length} rows`;
    };
    const columns = () => {
      for (const box of tools.querySelectorAll("input[data-column]")) {
        for (const row of table.rows) row.cells[Number(box.dataset.column)].hidden = !box.checked;
      }
    };
    search.addEventListener("input", filter);
    tools.addEventListener("change", columns);
    filter();
    columns();
  }
})();
