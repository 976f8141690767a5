import { useEffect, useState } from 'react';
import { registerServiceWorker, type Update } from './register.ts';
import classes from './update-notice.module.css';

/** Says that a new version is there, and lets a person decide when to have it. */
export function UpdateNotice({ register = registerServiceWorker }: { register?: typeof registerServiceWorker }) {
  const [update, setUpdate] = useState<Update>();
  useEffect(() => register(setUpdate), [register]);

  return (
    <div role="status">
      {update && (
        <div className={classes.notice}>
          <span>A new version of this page is ready.</span>
          <button type="button" className={classes.reload} onClick={update.apply}>
            Reload
          </button>
          <button type="button" className={classes.later} onClick={() => setUpdate(undefined)}>
            Later
          </button>
        </div>
      )}
    </div>
  );
}
