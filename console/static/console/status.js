"use strict";
// Puts a fresh status in place every few seconds while the page can be seen.
(() => {
    const box = document.getElementById("status");
    const stale = document.getElementById("status-stale");
    const refreshMs = Number(box.dataset.refreshS) * 1000;

    async function refresh() {
        if (!document.hidden) {
            try {
                const response = await fetch(box.dataset.url, {redirect: "error"});
                if (!response.ok) {
                    throw new Error(`status ${response.status}`);
                }
                box.innerHTML = await response.text();
                stale.hidden = true;
            } catch {
                stale.hidden = false;
            }
        }
        setTimeout(refresh, refreshMs);
    }

    setTimeout(refresh, refreshMs);
})();
