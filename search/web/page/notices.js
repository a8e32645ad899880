/** What the page says beside photographs: a banner while the server is away, short notes, and what screen readers hear. */

const SHOWN_MS = 5000;

/** @param {{banner: HTMLElement, live: HTMLElement, toast: HTMLElement}} places */
export function createNotices({ banner, live, toast }) {
  let timer = 0;
  const hide = () => toast.matches(":popover-open") && toast.hidePopover();
  return {
    /** @param {boolean} there */
    reach(there) {
      banner.textContent = there ? "" : "The server does not answer. The page goes on as soon as it is back.";
      banner.hidden = there;
    },
    /** @param {string} says */
    say(says) {
      live.textContent = says;
    },
    /** A note that goes by itself. @param {string} says @param {boolean} [bad] */
    note(says, bad = false) {
      toast.textContent = says;
      toast.classList.toggle("bad", bad);
      hide();
      toast.showPopover(); // above a dialog that is open
      clearTimeout(timer);
      timer = setTimeout(hide, bad ? 2 * SHOWN_MS : SHOWN_MS);
    },
    hush: hide,
  };
}
