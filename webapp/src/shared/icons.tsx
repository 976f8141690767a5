import type { ReactNode } from 'react';

/** Drawings on a 16 × 16 grid. They take the text's colour, and say nothing to screen readers: the text beside them does. */
function Icon({ children }: { children: ReactNode }) {
  return (
    <svg
      width="1em"
      height="1em"
      viewBox="0 0 16 16"
      fill="none"
      stroke="currentColor"
      strokeWidth="1.6"
      strokeLinecap="round"
      strokeLinejoin="round"
      aria-hidden="true"
      focusable="false"
    >
      {children}
    </svg>
  );
}

/** The handler ran. */
export const BoltIcon = () => (
  <Icon>
    <path d="M9 1.5 3.5 9H8l-1 5.5L12.5 7H8z" />
  </Icon>
);

/** The handler ran once too often. */
export const BoltsIcon = () => (
  <Icon>
    <path d="M6 1.5 1.8 8.500h3.400l-.7 6L9 6.500H5.800zM12 3.500 9.800 7M14.200 6.500h-2.600M14.200 6.500l-3.500 6" />
  </Icon>
);

/** An answer played again. */
export const ReplayIcon = () => (
  <Icon>
    <path d="M2.5 8a5.5 5.5 0 1 0 1.8-4.1" />
    <path d="M2.5 2v3h3" />
  </Icon>
);

/** Refused. */
export const CrossIcon = () => (
  <Icon>
    <circle cx="8" cy="8" r="6" />
    <path d="m5.9 5.9 4.2 4.2m0-4.2-4.2 4.2" />
  </Icon>
);

/** As it should be. */
export const CheckIcon = () => (
  <Icon>
    <circle cx="8" cy="8" r="6" />
    <path d="m5.2 8.2 2 2 3.6-4.2" />
  </Icon>
);

/** Too late. */
export const ExpiredIcon = () => (
  <Icon>
    <circle cx="8" cy="8" r="6" />
    <path d="M8 4.5V8l2.2 1.6M2.5 13.5l11-11" />
  </Icon>
);

/** No connection. */
export const UnpluggedIcon = () => (
  <Icon>
    <path d="M1.8 6.2C5.4 3 10.6 3 14.2 6.2M4 9c2.3-2 5.700-2 8 0M6.300 11.600c1-.8 2.400-.8 3.400 0M2.500 14l11-12" />
  </Icon>
);

/** Nobody knows. */
export const QuestionIcon = () => (
  <Icon>
    <circle cx="8" cy="8" r="6" />
    <path d="M6.3 6.4a1.8 1.8 0 1 1 2.6 1.6c-.6.3-.9.6-.9 1.2" />
    <path d="M8 11.4v0" />
  </Icon>
);

/** Somebody else is at it. */
export const HourglassIcon = () => (
  <Icon>
    <path d="M4 1.8h8M4 14.2h8M4.8 1.8v2.4L8 8l3.2-3.8V1.8M4.8 14.2v-2.4L8 8l3.2 3.8v2.4" />
  </Icon>
);

/** Not the same. */
export const UnequalIcon = () => (
  <Icon>
    <path d="M2.5 5.8h11M2.5 10.2h11M10.8 2 5.2 14" />
  </Icon>
);

/** Kept here. */
export const DiskIcon = () => (
  <Icon>
    <path d="M2.5 4.2c0-1.2 2.5-2 5.5-2s5.5.8 5.5 2-2.5 2-5.5 2-5.5-.8-5.5-2zM2.5 4.2v7.6c0 1.2 2.5 2 5.5 2s5.5-.8 5.5-2V4.2M2.5 8c0 1.2 2.5 2 5.5 2s5.5-.8 5.5-2" />
  </Icon>
);

/** Waits for its turn. */
export const PauseIcon = () => (
  <Icon>
    <path d="M5.5 3v10M10.5 3v10" strokeWidth="2.4" />
  </Icon>
);

/** Never left. */
export const StopIcon = () => (
  <Icon>
    <circle cx="8" cy="8" r="6" />
    <path d="M3.8 3.8l8.4 8.4" />
  </Icon>
);

/** Go. */
export const PlayIcon = () => (
  <Icon>
    <path d="M4.5 2.5v11l8.5-5.5z" fill="currentColor" />
  </Icon>
);

/** Under way. */
export const DotsIcon = () => (
  <Icon>
    <path d="M3.5 8v0M8 8v0M12.5 8v0" strokeWidth="2.4" />
  </Icon>
);

export const SunIcon = () => (
  <Icon>
    <circle cx="8" cy="8" r="2.8" />
    <path d="M8 1.2v1.4M8 13.4v1.4M1.2 8h1.4M13.4 8h1.4M3.2 3.2l1 1M11.8 11.8l1 1M3.2 12.8l1-1M11.8 4.2l1-1" />
  </Icon>
);

export const MoonIcon = () => (
  <Icon>
    <path d="M13.5 9.6A6 6 0 0 1 6.4 2.5a6 6 0 1 0 7.1 7.1z" />
  </Icon>
);

export const ScreenIcon = () => (
  <Icon>
    <rect x="1.8" y="2.5" width="12.4" height="8.5" rx="1.2" />
    <path d="M5.5 14h5M8 11v3" />
  </Icon>
);
