/** Draws the plots of a page with Chart.js, in the page's colours. */

const CHART = "../vendor/chart-4.6.1.umd.min.js";

const dark = matchMedia("(prefers-color-scheme: dark)");
let charts = [];
let drawn = null;

dark.addEventListener("change", () => drawn && draw(drawn));

/** Draws each canvas in *place* that has a `plot`: {pairs, across, line}. */
export async function draw(place) {
  drawn = place;
  await import(CHART); // it has no exports: it sets Chart
  if (drawn !== place) return;
  for (const chart of charts) chart.destroy();
  const style = getComputedStyle(document.documentElement);
  Object.assign(globalThis.Chart.defaults, {
    animation: false,
    maintainAspectRatio: false,
    color: style.getPropertyValue("--plot-text"),
    borderColor: style.getPropertyValue("--plot-grid"),
  });
  globalThis.Chart.defaults.font.family = getComputedStyle(place).fontFamily;
  charts = [...place.querySelectorAll("canvas")].map((canvas) => chart(canvas, style.getPropertyValue("--plot")));
}

export function erase() {
  drawn = null;
  for (const chart of charts) chart.destroy();
  charts = [];
}

function chart(canvas, colour) {
  const { pairs, across, line } = canvas.plot;
  const values = { beginAtZero: true, ticks: { precision: 0 } };
  const labels = { grid: { display: false }, ticks: { maxRotation: 0, autoSkip: !across } };
  canvas.parentElement.style.setProperty("--rows", across ? pairs.length : 0);
  return new globalThis.Chart(canvas, {
    type: line ? "line" : "bar",
    data: {
      labels: pairs.map(([label]) => label),
      datasets: [
        {
          data: pairs.map(([, value]) => value),
          backgroundColor: colour,
          hoverBackgroundColor: colour,
          borderColor: colour,
          borderWidth: line ? 2 : 0,
          pointRadius: 0,
          pointHitRadius: 12,
          categoryPercentage: 0.9,
          barPercentage: 0.95,
        },
      ],
    },
    options: {
      indexAxis: across ? "y" : "x",
      plugins: { legend: { display: false } },
      scales: across ? { x: values, y: labels } : { x: labels, y: values },
    },
  });
}
