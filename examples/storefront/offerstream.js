// Fills <div data-offer="cart" data-items='["a"]'>. Give slots a height: it stays.
(() => {
	const { session, offers, events } = document.currentScript.dataset;
	const make = (tag, props, ...inside) => {
		const made = Object.assign(document.createElement(tag), props);
		made.append(...inside);
		return made;
	};
	const web = (url) => (url && URL.canParse(url, location) && /^https?:/.test(url = new URL(url, location).href) ? url : '');
	const post = (url, body) => fetch(url, {
		method: 'POST', headers: { 'Content-Type': 'application/json' }, body: JSON.stringify(body), keepalive: true,
	}).catch(() => ({}));
	const tell = (type, offer_token, item_id) =>
		post(events, { type, ts: new Date().toISOString(), session_id: session, offer_token, item_id });

	async function fill(slot) {
		const ask = new URLSearchParams({ placement: slot.dataset.offer, session_id: session });
		for (const item of JSON.parse(slot.dataset.items || '[]')) ask.append('item', item);
		const answer = await fetch(`${offers}?${ask}`, { signal: AbortSignal.timeout(2000) });
		const { offer_token: token, items } = answer.ok ? await answer.json() : {};
		if (!token) return;
		slot.style.contain = 'strict';
		slot.style.overflow = 'auto';
		// Half of it for a second is seen; held-out shoppers see nothing there.
		let timer;
		const seen = new IntersectionObserver(([{ isIntersecting }]) => {
			clearTimeout(timer);
			if (isIntersecting) timer = setTimeout(() => { seen.disconnect(); tell('offer_shown', token); }, 1000);
		}, { threshold: 0.5 });
		seen.observe(slot);
		if (!items.length) return;
		const said = make('p', { role: 'status' });
		const show = ({ item_id, title, price, currency, reason, url, image_url, add_url }) => {
			const name = title || item_id;
			const link = make('a', { textContent: name, onclick: () => tell('offer_clicked', token, item_id) });
			if (web(url)) link.href = url;
			const cost = price ? new Intl.NumberFormat(document.documentElement.lang || [], { style: 'currency', currency }).format(price) : '';
			const add = make('button', { type: 'button', hidden: !web(add_url), textContent: 'Add', ariaLabel: `Add ${name}`, onclick: async () => {
				const done = await post(web(add_url), { item_id, offer_token: token });
				said.textContent = done.ok ? `${name} added` : `${name} could not be added`;
			} });
			return make('li', {}, make('img', { src: web(image_url), alt: '', width: 64, height: 64 }), link, cost, make('small', {}, reason), add);
		};
		const close = make('button', { type: 'button', textContent: 'No, thanks', onclick: () => {
			tell('offer_dismissed', token);
			slot.replaceChildren();
			slot.tabIndex = -1;
			slot.focus({ preventScroll: true });
		} });
		slot.replaceChildren(make('section', { ariaLabel: 'Suggestions' }, make('ul', {}, ...items.map(show)), close, said));
	}
	for (const slot of document.querySelectorAll('[data-offer]')) fill(slot).catch(() => {});
})();
