/** Registers every kind of qdisc. */
import './clsact.js';
import './ingress.js';
import './noqueue.js';
import './pfifo.js';
import './tbf.js';
