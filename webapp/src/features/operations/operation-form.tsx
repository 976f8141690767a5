import { Button, NativeSelect, Switch, TextInput, type TextInputProps } from '@mantine/core';
import { type ChangeEvent, type FormEvent, useId, useRef, useState } from 'react';
import { flushSync } from 'react-dom';
import { describe } from '../../shared/operation.ts';
import type { FieldErrors } from '../../shared/submission.ts';
import { type Draft, type Field, type Form, sensibleDraft } from './drafts.ts';
import classes from './operations.module.css';
import { useOperation } from './use-operation.ts';

type InputWrapperOrder = NonNullable<TextInputProps['inputWrapperOrder']>;

/** Submits what is in the form, and submits the same again. Payments can do without the guard. */
export function OperationForm({ form }: { form: Form }) {
  const { guarded, setGuarded, repeatable, submit, repeat } = useOperation(form);
  const [draft, setDraft] = useState<Draft>(() => sensibleDraft(form));
  const [errors, setErrors] = useState<FieldErrors>({});
  const [submitting, setSubmitting] = useState(false);
  const busy = useRef(false);
  const element = useRef<HTMLFormElement>(null);

  const input = ({ name, label, hint }: Field) => ({
    name,
    label,
    value: draft[name] ?? '',
    // An error takes the hint's place, so that nothing moves.
    description: errors[name] === undefined ? hint(draft) : undefined,
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
    element.current?.querySelector<HTMLElement>('[aria-invalid="true"]')?.focus();
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
    <form ref={element} noValidate onSubmit={onSubmit} className={classes.form}>
      {form.operation === 'payments.create' && <GuardSwitch guarded={guarded} setGuarded={setGuarded} />}
      {form.fields.map((field) => (
        <div key={field.name} data-span={field.span}>
          {field.choices ? (
            <NativeSelect {...input(field)} data={[...field.choices]} />
          ) : (
            <TextInput
              {...input(field)}
              {...(field.numeric && { inputMode: 'numeric' })}
              autoComplete="off"
              required
              withAsterisk={false}
            />
          )}
        </div>
      ))}
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
              Again: {Object.values(describe(repeatable.body)).filter(Boolean).join(', ')}
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
  );
}

function GuardSwitch({ guarded, setGuarded }: { guarded: boolean; setGuarded: (guarded: boolean) => void }) {
  const hint = useId();
  return (
    <div className={classes.guard} data-guarded={guarded}>
      <Switch
        label="Idempotency"
        aria-describedby={hint}
        checked={guarded}
        onChange={(event) => setGuarded(event.currentTarget.checked)}
        withThumbIndicator={false}
      />
      <p id={hint}>
        {guarded
          ? 'Each intent has a key. A duplicate gets the recorded answer.'
          : 'The unprotected endpoint. Each request is one more charge.'}
      </p>
    </div>
  );
}
