// What the page needs beside htmx. Everything works without it, but for the buttons and the live parts.
'use strict';

(function () {
  const meta = (name) => document.querySelector(`meta[name="${name}"]`).content;

  // Airflow's cookie alone does not permit a change: the token does.
  document.addEventListener('htmx:configRequest', (event) => {
    if (event.detail.verb !== 'get') {
      event.detail.headers[meta('form-header')] = meta('form-token');
    }
  });

  // A filter that was entered before this script ran, or that the browser has restored, has sent no request.
  document.addEventListener('DOMContentLoaded', () => {
    const isEntered = (field) => (field.tagName === 'SELECT'
      ? [...field.options].some((option) => option.selected !== option.defaultSelected && option.value !== '')
      : field.value !== field.defaultValue);
    document.querySelectorAll('form.filters').forEach((form) => {
      if ([...form.querySelectorAll('input, select')].some(isEntered)) {
        htmx.trigger(form, 'submit');
      }
    });
  });

  // A hidden page does not refresh.
  document.addEventListener('htmx:beforeRequest', (event) => {
    const asked = event.detail.requestConfig.triggeringEvent;
    if (document.hidden && !asked) {
      event.preventDefault();
    }
  });

  // A key that was sent does not stay on the screen.
  document.addEventListener('htmx:afterRequest', (event) => {
    const form = event.target.closest ? event.target.closest('form[hx-post]') : null;
    if (form && event.detail.successful) {
      form.querySelectorAll('input[type=password]').forEach((input) => { input.value = ''; });
    }
  });

  // Airflow's own pages open in Airflow, not in this frame: the frame may not navigate it, but may use its history.
  document.addEventListener('click', (event) => {
    const link = event.target.closest('a[data-airflow]');
    if (!link || window.parent === window || event.ctrlKey || event.metaKey || event.shiftKey) {
      return;
    }
    try {
      window.parent.history.pushState({}, '', link.href);
      window.parent.dispatchEvent(new PopStateEvent('popstate', { state: {} }));
      event.preventDefault();
    } catch (error) {
      // Not Airflow's frame: the link opens here.
    }
  });

  // Light or dark as Airflow is.
  const follow = () => {
    try {
      const root = window.parent.document.documentElement;
      const dark = root.classList.contains('dark') || root.dataset.theme === 'dark';
      const light = root.classList.contains('light') || root.dataset.theme === 'light';
      if (window.parent !== window && (dark || light)) {
        document.documentElement.dataset.theme = dark ? 'dark' : 'light';
      }
    } catch (error) {
      // Another site's frame: the system's choice counts.
    }
  };
  follow();
  try {
    if (window.parent !== window) {
      new MutationObserver(follow).observe(window.parent.document.documentElement, { attributes: true });
    }
  } catch (error) {
    // as above
  }
})();
