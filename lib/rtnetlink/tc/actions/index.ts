/** Registers every action. */
import './gact.js';
import './mirred.js';
import './police.js';
import './skbedit.js';
import './vlan.js';
