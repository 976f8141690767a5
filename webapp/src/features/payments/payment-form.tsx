import { Button, NativeSelect, Switch, TextInput, type TextInputProps } from '@mantine/core';
import { type ChangeEvent, type FormEvent, useId, useRef, useState } from 'react';
import { flushSync } from 'react-dom';
import { Panel } from '../../shared/panel.tsx';
import { currencies, describeAmount, type PaymentDraft, sensibleDraft, toRequest } from './payment.ts';
import classes from './payment-form.module.css';
import type { FieldErrors } from './submission.ts';
import type { Payments } from './use-payments.ts';

type InputWrapperOrder = NonNullable<TextInputProps['inputWrapperOrder']>;

/** Makes a payment, with or without the guard, and makes the same one again. */
export function PaymentForm({
  guarded,
  setGuarded,
  repeatable,
  submit,
  repeat,
}: Pick<Payments, 'guarded' | 'setGuarded' | 'repeatable' | 'submit' | 'repeat'>) {
  const [draft, setDraft] = useState<PaymentDraft>(sensibleDraft);
  const [errors, setErrors] = useState<FieldErrors>({});
  const [submitting, setSubmitting] = useState(false);
  const busy = useRef(false);
  const guardHint = useId();
  const form = useRef<HTMLFormElement>(null);

  const field = (name: keyof PaymentDraft, hint: string) => ({
    name,
    value: draft[name],
    // An error takes the hint's place, so that nothing moves.
    description: errors[name] === undefined ? hint : undefined,
    error: errors[name],
    inputWrapperOrder: ['label', 'input', 'description', 'error'] satisfies InputWrapperOrder,
    onChange: ({ currentTarget }: ChangeEvent<HTMLInputElement | HTMLSelectElement>) => {
      const { value } = currentTarget;
      setDraft((old) => ({ ...old, [name]: value }));
      setErrors(({ [name]: _, ...others }) => others);
    },
  });

  function show(found: FieldErrors) {
    flushSync(() => setErrors(found));
    form.current?.querySelector<HTMLElement>('[aria-invalid="true"]')?.focus();
  }

  async function onSubmit(event: FormEvent) {
    event.preventDefault();
    if (busy.current) {
      return; // an accidental second press is not a second intent
    }
    busy.current = true;
    setSubmitting(true);
    try {
      show(await submit(draft));
    } finally {
      busy.current = false;
      setSubmitting(false);
    }
  }

  return (
    <Panel title="Make a payment">
      <form ref={form} noValidate onSubmit={onSubmit} className={classes.form}>
        <div className={classes.guard} data-guarded={guarded}>
          <Switch
            label="Idempotency"
            aria-describedby={guardHint}
            checked={guarded}
            onChange={(event) => setGuarded(event.currentTarget.checked)}
            withThumbIndicator={false}
          />
          <p id={guardHint}>
            {guarded
              ? 'Each intent has a key. A duplicate gets the recorded answer.'
              : 'The unprotected endpoint. Each request is one more charge.'}
          </p>
        </div>
        <div className={classes.row}>
          <TextInput
            {...field('amount', amountHint(draft))}
            label="Amount"
            inputMode="numeric"
            autoComplete="off"
            required
            withAsterisk={false}
          />
          <NativeSelect {...field('currency', 'ISO 4217')} label="Currency" data={currencies} />
        </div>
        <TextInput
          {...field('description', 'Up to 200 characters')}
          label="Description"
          autoComplete="off"
          required
          withAsterisk={false}
        />
        <div className={classes.actions}>
          <Button type="submit" fullWidth aria-disabled={submitting}>
            Submit
          </Button>
          <Button
            variant="default"
            fullWidth
            disabled={repeatable === undefined}
            onClick={async () => show(await repeat())}
          >
            Submit the same again
          </Button>
          <p className={classes.hint}>
            {repeatable === undefined ? (
              'Submit first; then send it a second time.'
            ) : (
              <>
                Again: {describeAmount(repeatable.payment)}, {repeatable.payment.description}
                <br />
                {repeatable.intent ? (
                  <>
                    with the same key <code>{repeatable.intent.key.slice(0, 8)}…</code>
                  </>
                ) : (
                  'with no key at all'
                )}
              </>
            )}
          </p>
        </div>
      </form>
    </Panel>
  );
}

function amountHint(draft: PaymentDraft): string {
  const request = toRequest(draft);
  return `Minor units: ${Number.isInteger(request.amount) ? describeAmount(request) : '1250 for 12.50'}`;
}
