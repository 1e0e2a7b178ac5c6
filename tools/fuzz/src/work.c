/* Counts the edges that instrumented code takes. */
unsigned long ipsmgw_work;

void __sanitizer_cov_trace_pc(void) { ipsmgw_work++; }
