/** Registers every kind of filter. */
import './u32.js';
