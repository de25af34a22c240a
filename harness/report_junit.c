/* SPDX-License-Identifier: GPL-2.0-only */
/* Test results in the XML form that CI systems read. */
#include "harness/report.h"

void report_junit(const struct junit_case *cases, size_t n, FILE *to)
{
    size_t failures = 0;
    double seconds = 0;

    for (size_t i = 0; i < n; i++) {
        failures += cases[i].failure != NULL;
        seconds += cases[i].seconds;
    }
    fputs("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n", to);
    fprintf(to, "<testsuites tests=\"%zu\" failures=\"%zu\" time=\"%.3f\">\n", n, failures,
            seconds);
    fprintf(to, "  <testsuite name=\"vmafuzz\" tests=\"%zu\" failures=\"%zu\" time=\"%.3f\">\n", n,
            failures, seconds);
    for (size_t i = 0; i < n; i++) {
        fputs("    <testcase classname=\"vmafuzz\" name=\"", to);
        put_xml(cases[i].name, to);
        fprintf(to, "\" time=\"%.3f\"", cases[i].seconds);
        if (!cases[i].failure) {
            fputs("/>\n", to);
            continue;
        }
        fputs(">\n      <failure message=\"", to);
        put_xml(cases[i].failure, to);
        fputs("\"/>\n    </testcase>\n", to);
    }
    fputs("  </testsuite>\n</testsuites>\n", to);
}
