/** Sends the form that leads to the camera; without scripts the person presses its button. */

/** @type {HTMLFormElement | null} */ (document.querySelector("form[data-enter]"))?.submit();
