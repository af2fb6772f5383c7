/** Registers every kind of qdisc. */
import './clsact.js';
import './fq.js';
import './fq-codel.js';
import './htb.js';
import './ingress.js';
import './netem.js';
import './noqueue.js';
import './pfifo.js';
import './prio.js';
import './tbf.js';
