"use strict";
// Puts a fresh part in place, while the page can be seen, until what it shows has settled.
(() => {
    const box = document.querySelector("[data-refresh-url]");
    const stale = document.querySelector("[data-refresh-stale]");

    async function refresh() {
        if (box.querySelector("[data-settled]")) {
            return;
        }
        if (!document.hidden) {
            try {
                const response = await fetch(box.dataset.refreshUrl, {redirect: "error"});
                if (!response.ok) {
                    throw new Error(`status ${response.status}`);
                }
                box.innerHTML = await response.text();
                stale.hidden = true;
            } catch {
                stale.hidden = false;
            }
        }
        setTimeout(refresh, Number(box.dataset.refreshS) * 1000);
    }

    setTimeout(refresh, Number(box.dataset.refreshS) * 1000);
})();
