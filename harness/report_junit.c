/* SPDX-License-Identifier: GPL-2.0-only */
/* Test results in the XML form that CI systems read. */
#include "harness/report.h"

static const char *const elements[] = {
    [JUNIT_FAILED] = "failure",
    [JUNIT_ERROR] = "error",
    [JUNIT_SKIPPED] = "skipped",
};

static void put_attribute(const char *name, const char *value, FILE *to)
{
    fprintf(to, " %s=\"", name);
    put_xml(value, to);
    fputc('"', to);
}

static void put_case(const struct junit_case *c, FILE *to)
{
    const char *element = elements[c->outcome];

    fputs("    <testcase classname=\"vmafuzz\"", to);
    put_attribute("name", c->name, to);
    fprintf(to, " time=\"%.3f\"", c->seconds);
    if (c->outcome == JUNIT_PASSED) {
        fputs("/>\n", to);
        return;
    }
    fprintf(to, ">\n      <%s", element);
    if (c->outcome != JUNIT_SKIPPED) /* which has no type in the common schema */
        put_attribute("type", c->type, to);
    put_attribute("message", c->message, to);
    if (c->report) {
        fputc('>', to);
        put_xml_lines(c->report, to);
        fprintf(to, "</%s>\n", element);
    } else {
        fputs("/>\n", to);
    }
    fputs("    </testcase>\n", to);
}

void report_junit(const struct junit_case *cases, size_t n, FILE *to)
{
    size_t count[JUNIT_SKIPPED + 1] = {0};
    double seconds = 0;
    char counts[160];

    for (size_t i = 0; i < n; i++) {
        count[cases[i].outcome]++;
        seconds += cases[i].seconds;
    }
    snprintf(counts, sizeof(counts),
             "tests=\"%zu\" failures=\"%zu\" errors=\"%zu\" skipped=\"%zu\" time=\"%.3f\"", n,
             count[JUNIT_FAILED], count[JUNIT_ERROR], count[JUNIT_SKIPPED], seconds);
    fputs("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n", to);
    fprintf(to, "<testsuites %s>\n  <testsuite name=\"vmafuzz\" %s>\n", counts, counts);
    for (size_t i = 0; i < n; i++)
        put_case(&cases[i], to);
    fputs("  </testsuite>\n</testsuites>\n", to);
}
