import { Button, NativeSelect, Switch, TextInput, type TextInputProps } from '@mantine/core';
import type { State } from 'idempotent-requests';
import { type ChangeEvent, type FormEvent, useCallback, useEffect, useId, useRef, useState } from 'react';
import { flushSync } from 'react-dom';
import { type FieldErrors, fieldErrors } from '../../shared/submission.ts';
import { type Draft, type Field, type Form, sensibleDraft } from './drafts.ts';
import classes from './operations.module.css';
import { useOperation } from './use-operation.ts';

type InputWrapperOrder = NonNullable<TextInputProps['inputWrapperOrder']>;

/** Submits what is in the form, once or again. Payments can do without the guard. */
export function OperationForm({ form }: { form: Form }) {
  const { guarded, setGuarded, state, problem, intent, submit, submitAsNew, resend } = useOperation(form);
  const [draft, setDraft] = useState<Draft>(() => sensibleDraft(form));
  const [errors, setErrors] = useState<FieldErrors>({});
  const element = useRef<HTMLFormElement>(null);

  const show = useCallback((found: FieldErrors) => {
    flushSync(() => setErrors(found));
    element.current?.querySelector<HTMLElement>('[aria-invalid="true"]')?.focus();
  }, []);
  useEffect(() => {
    // Not while React draws: the focus follows what it has drawn.
    queueMicrotask(() => show(fieldErrors(problem)));
  }, [problem, show]);

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

  async function onSubmit(event: FormEvent) {
    event.preventDefault();
    show({});
    const objection = await submit(draft);
    if (objection !== undefined) {
      show(fieldErrors(objection));
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
        <Button type="submit" fullWidth>
          Submit
        </Button>
        <div className={classes.again}>
          <Button variant="default" px="xs" disabled={!guarded} onClick={() => void submitAsNew(draft)}>
            Submit as new
          </Button>
          <Button variant="default" px="xs" disabled={!guarded || intent === undefined} onClick={() => void resend()}>
            Resend
          </Button>
        </div>
        {guarded ? (
          <>
            <States state={state} />
            <p className={classes.hint}>
              <b>Submit</b> again, and the client answers from its cache. <b>As new</b> means it again, with a new key.{' '}
              <b>Resend</b> sends the same key past the client: the server replays.
            </p>
          </>
        ) : (
          <p className={classes.hint}>Press Submit twice, and it is charged twice.</p>
        )}
      </div>
    </form>
  );
}

const steps = ['draft', 'pending', 'in-flight'] as const satisfies readonly State[];

/** How far the intent has come. */
function States({ state }: { state: State | undefined }) {
  const begun = state === undefined ? -1 : (steps as readonly State[]).indexOf(state);
  const end = state !== undefined && begun < 0 ? state : undefined;
  return (
    <ol className={classes.states} aria-label="The intent’s state" aria-live="polite">
      {steps.map((step, at) => (
        <li key={step} aria-current={step === state ? 'step' : undefined} data-done={end !== undefined || at <= begun}>
          {step.replace('-', ' ')}
        </li>
      ))}
      <li aria-current={end ? 'step' : undefined} data-done={end !== undefined} data-end={end}>
        {end ?? 'succeeded'}
      </li>
    </ol>
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
