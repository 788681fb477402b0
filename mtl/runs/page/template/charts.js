// Charts are drawn when they come near, the others while nothing else happens.
(() => {
  const charts = JSON.parse(document.getElementById("charts").textContent);
  const options = {
    renderer: "svg", actions: false, ast: true, defaultStyle: false,
    tooltip: { disableDefaultStyle: true },
    // A chart of which nothing is shown is no reason to warn.
    logLevel: 1,
  };
  const views = new Map();

  const points = (columns) => {
    const names = Object.keys(columns);
    return columns[names[0]].map((_, at) => Object.fromEntries(names.map((name) => [name, columns[name][at]])));
  };

  const signal = (figure, name, value) => {
    const view = views.get(figure);
    if (view) view.signal(name, value).runAsync();
  };

  const draw = async (figure) => {
    if (views.has(figure)) return;
    views.set(figure, null);
    const { spec, data } = charts[figure.dataset.chart];
    const datasets = Object.fromEntries(Object.entries(data).map(([name, columns]) => [name, points(columns)]));
    const { view } = await vegaEmbed(figure.querySelector(".chart"), { ...spec, datasets }, options);
    // The chart's own name and its table say what its hundreds of marks would.
    figure.querySelector(".chart svg").setAttribute("aria-hidden", "true");
    views.set(figure, view);
    if (shown.any) view.signal("shown", shown.rows());
    for (const select of figure.querySelectorAll("select[data-signal]")) {
      view.signal(select.dataset.signal, select.value);
    }
    await view.runAsync();
    figure.dataset.drawn = "";
  };

  const figures = [...document.querySelectorAll("figure[data-chart]")];
  for (const figure of figures) {
    figure.querySelectorAll(".controls").forEach((controls) => { controls.hidden = false; });
    figure.addEventListener("change", ({ target }) => {
      if (target.dataset.signal) signal(figure, target.dataset.signal, target.value);
    });
  }
  shown.listen((rows) => figures.forEach((figure) => signal(figure, "shown", rows)));

  const near = new IntersectionObserver((entries) => {
    entries.filter((entry) => entry.isIntersecting).forEach((entry) => draw(entry.target));
  }, { rootMargin: "400px" });
  figures.forEach((figure) => near.observe(figure));

  const rest = async () => {
    for (const figure of figures) {
      await new Promise((idle) => { (window.requestIdleCallback ?? setTimeout)(idle); });
      await draw(figure);
    }
    document.documentElement.dataset.drawn = "";
  };
  addEventListener("load", rest);
})();
