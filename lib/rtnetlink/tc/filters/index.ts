/** Registers every kind of filter. */
import './bpf.js';
import './flower.js';
import './matchall.js';
import './u32.js';
