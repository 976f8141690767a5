import { act, render, screen, within } from '@testing-library/react';
import { userEvent } from '@testing-library/user-event';
import { afterEach, expect, it } from 'vitest';
import page from '../../index.html?raw';
import { decode, encode } from '../model/link.ts';
import recorded from '../model/recorded.json' with { type: 'json' };
import { createSessionStore } from '../shared/session.ts';
import { testConfig } from '../testing/render-app.tsx';
import { App } from './app.tsx';

afterEach(() => history.replaceState(null, '', location.pathname));

function open(config = testConfig) {
  render(<App config={async () => config} sessions={createSessionStore()} />);
  return userEvent.setup();
}

it('begins with what index.html shows before any script', async () => {
  open();
  const parsed = new DOMParser().parseFromString(page, 'text/html');
  const still = parsed.querySelector('.hero');
  expect(await screen.findByRole('button', { name: 'Play both' })).toBeVisible();
  expect(document.querySelector('.hero')?.outerHTML).toBe(still?.outerHTML);
});

it('opens the scenario that the address names, and names the one that is chosen', async () => {
  history.replaceState(null, '', '?scenario=crash');
  const person = open();
  expect(await screen.findByRole('tab', { name: /^Crash/ })).toHaveAttribute('aria-selected', 'true');
  await person.click(screen.getByRole('tab', { name: /^Two tabs/ }));
  expect(location.search).toBe('?scenario=two-tabs');
  expect(document.title).toBe('Two tabs · Idempotent requests');
  await person.keyboard('{ArrowDown}');
  expect(location.search).toBe('?scenario=window-passed');
  expect(screen.getByRole('tab', { name: /^Window passed/ })).toHaveFocus();
});

it('replays a recorded run if the deployment lets nothing go wrong, and sends nothing', async () => {
  history.replaceState(null, '', '?scenario=crash');
  const person = open({ ...testConfig, demoFaults: false });
  expect(await screen.findByText(/This deployment lets nothing go wrong on purpose/)).toBeVisible();
  await person.click(screen.getByRole('button', { name: 'Play a recorded run' }));
  expect(await screen.findByText(/^A recorded run, from/)).toBeVisible();
});

it('follows the system’s colours until others are chosen', async () => {
  const person = open();
  const schemes = screen.getByRole('radiogroup', { name: 'Colour scheme' });
  expect(within(schemes).getByRole('radio', { name: 'Like the system' })).toBeChecked();
  await person.click(within(schemes).getByRole('radio', { name: 'Dark' }));
  expect(document.documentElement).toHaveAttribute('data-theme', 'dark');
});

it('keeps a shared run on the stage while one looks around, and says how many copies it had', async () => {
  const run = await decode(recorded.burst);
  const link = `?scenario=burst#run=${await encode({ ...(run as NonNullable<typeof run>), count: 7 })}`;
  history.replaceState(null, '', link);
  const person = open();
  expect(await screen.findByText(/^A recorded run, from/)).toBeVisible();
  expect(screen.getByRole('combobox', { name: 'Number of copies' })).toHaveValue('7');
  const moment = screen.getByRole('slider', { name: 'Moment' });
  act(() => moment.focus());
  await person.keyboard('{End}');
  const end = moment.getAttribute('aria-valuenow');
  act(() => {
    location.hash = '#how';
  });
  act(() => {
    history.replaceState(null, '', link);
    window.dispatchEvent(new PopStateEvent('popstate'));
  });
  expect(screen.getByText(/^A recorded run, from/)).toBeVisible();
  expect(moment).toHaveAttribute('aria-valuenow', end);

  await person.selectOptions(screen.getByRole('combobox', { name: 'Number of copies' }), '5');
  expect(screen.queryByText(/^A recorded run, from/)).not.toBeInTheDocument();
  expect(location.hash).toBe('');
});

it('shows the scenario that the address names beside a run that can’t be read', async () => {
  history.replaceState(null, '', '?scenario=crash');
  const person = open();
  await person.click(await screen.findByRole('tab', { name: /^Two tabs/ }));
  act(() => {
    history.replaceState(null, '', '?scenario=slow#run=nonsense');
    window.dispatchEvent(new PopStateEvent('popstate'));
  });
  expect(
    await screen.findByText('This link’s run can’t be read. The scenario can be played all the same.'),
  ).toBeVisible();
  expect(screen.getByRole('tab', { name: /^Slow/ })).toHaveAttribute('aria-selected', 'true');
  expect(document.title).toBe('Slow first, impatient second · Idempotent requests');
});
