import { SegmentedControl } from '@mantine/core';
import { useState } from 'react';
import { Panel } from '../../shared/panel.tsx';
import { forms, paymentForm } from './drafts.ts';
import { OperationForm } from './operation-form.tsx';
import classes from './operations.module.css';

/** Asks for one of the operations by hand, once or twice. */
export function Operations() {
  const [chosen, setChosen] = useState(paymentForm.operation);
  const form = forms.find(({ operation }) => operation === chosen) ?? paymentForm;
  return (
    <Panel title="What to send">
      <div className={classes.choice}>
        <SegmentedControl
          fullWidth
          size="sm"
          aria-label="Operation"
          value={chosen}
          onChange={setChosen}
          transitionDuration={0}
          data={forms.map(({ operation, name }) => ({ value: operation, label: name }))}
        />
      </div>
      <OperationForm key={form.operation} form={form} />
    </Panel>
  );
}
