"use strict";
// Volume as bars, fees as a line over them, each on a scale of its own.
(() => {
    const canvas = document.getElementById("today-chart");
    if (canvas === null) {
        return;
    }
    const failed = document.getElementById("today-chart-failed");
    const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

    function draw(answer) {
        const days = answer.at.length > 1 && answer.at[1] - answer.at[0] >= 21_600_000;
        const labels = answer.at.map((ms) => {
            const text = new Date(ms).toISOString();
            return days ? text.slice(5, 13).replace("T", " ") + "h" : text.slice(11, 16);
        });
        const quiet = colour("--quiet");
        const scale = (position, title) => ({
            position,
            beginAtZero: true,
            title: {display: true, text: title, color: quiet},
            ticks: {color: quiet, maxTicksLimit: 5},
            grid: {drawOnChartArea: position === "left", color: colour("--line")},
        });
        new Chart(canvas, {
            data: {
                labels,
                datasets: [
                    {type: "line", label: "Fees", data: answer.series.Fees, yAxisID: "fees",
                        borderColor: colour("--warn"), borderWidth: 1.5, pointRadius: 0},
                    {type: "bar", label: "Volume", data: answer.series.Volume, yAxisID: "volume",
                        backgroundColor: colour("--accent")},
                ],
            },
            options: {
                animation: false,
                maintainAspectRatio: false,
                interaction: {mode: "index", intersect: false},
                plugins: {legend: {labels: {color: quiet}}},
                scales: {
                    x: {title: {display: true, text: "UTC", color: quiet}, ticks: {color: quiet, maxRotation: 0, autoSkipPadding: 16}, grid: {display: false}},
                    volume: scale("left", "Volume, USD"),
                    fees: scale("right", "Fees, USD"),
                },
            },
        });
    }

    fetch(canvas.dataset.url, {redirect: "error"})
        .then((response) => (response.ok ? response.json() : Promise.reject(response.status)))
        .then(draw)
        .catch(() => {
            failed.hidden = false;
        });
})();
