// Package bench measures the shipped binary as a whole process under load,
// with a comparator in the same run. Its benchmarks are run by `make bench`;
// what they showed is in docs/performance.md.
package bench
