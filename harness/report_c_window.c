/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The address space of a program that was found on a kernel, in the C source of report_c.c. Where
 * such a program leaves the choice of an address to the kernel, it has to find the holes that it
 * found then: all is filled but the pages from the world's lowest one up to where its searches
 * start. What lies above these cannot be told from what is filled.
 */
#include "harness/report_c.h"

#include <inttypes.h>

static const char first_part[] =
    "\n"
    "#include <linux/capability.h>\n"
    "#include <sys/prctl.h>\n"
    "\n"
    "static void fill(int fd, unsigned long from, unsigned long to)\n"
    "{\n"
    "    if (from < to)\n"
    "        mmap((void *)from, to - from, PROT_NONE, MAP_SHARED | MAP_FIXED | MAP_NORESERVE, fd,\n"
    "             0);\n"
    "}\n"
    "\n"
    "/* All holes outside of the program's pages. */\n"
    "static void fill_all(int fd)\n"
    "{\n"
    "    static char maps[1 << 16];\n"
    "    int from = open(\"/proc/self/maps\", O_RDONLY | O_CLOEXEC);\n"
    "    unsigned long at = 0x10000, start, n;\n"
    "    size_t size = 0;\n"
    "    char *line = maps;\n"
    "    ssize_t got;\n"
    "\n"
    "    while ((got = read(from, maps + size, sizeof(maps) - 1 - size)) > 0)\n"
    "        size += (size_t)got;\n"
    "    close(from);\n"
    "    for (; *line; line = strchr(line, '\\n') + 1) {\n"
    "        start = strtoul(line, &line, 16);\n"
    "        n = start < TASK ? start : TASK;\n"
    "        fill(fd, at, n < FIRST ? n : FIRST);\n"
    "        fill(fd, at > LAST ? at : LAST, n);\n"
    "        at = strtoul(line + 1, &line, 16);\n"
    "    }\n"
    "    fill(fd, at, TASK);\n"
    "}\n"
    "\n"
    "/* Limits are for the program's own pages. */\n"
    "static __attribute__((unused)) unsigned long own(const char *what)\n"
    "{\n"
    "    static char text[8192];\n"
    "    int fd = open(\"/proc/self/status\", O_RDONLY | O_CLOEXEC);\n"
    "    ssize_t n = read(fd, text, sizeof(text) - 1);\n"
    "    char *at = strstr(text, what);\n"
    "\n"
    "    close(fd);\n"
    "    return n > 0 && at ? strtoul(at + strlen(what), NULL, 10) * 1024 / PAGE : 0;\n"
    "}\n"
    "\n"
    "static unsigned long own_total, own_data;\n";

static const char drop_part[] =
    "\n"
    "/* It was found without privileges. */\n"
    "static void drop(void)\n"
    "{\n"
    "    struct __user_cap_header_struct head = {_LINUX_CAPABILITY_VERSION_3, 0};\n"
    "    struct __user_cap_data_struct none[2] = {{0, 0, 0}, {0, 0, 0}};\n"
    "\n"
    "    syscall(SYS_capset, &head, none);\n"
    "}\n";

static const char window_part[] =
    "\n"
    "static void window(unsigned long heap)\n"
    "{\n"
    "    struct rlimit some = {2048 * PAGE, RLIM_INFINITY};\n"
    "    volatile char room[1 << 17]; /* the stack has no other from now on */\n"
    "    int fd = memfd_create(\"filler\", MFD_CLOEXEC);\n"
    "    unsigned long at = 0x10000;\n"
    "    struct prctl_mm_map map = {at, at + 1, at, at,   heap, heap, at,\n"
    "                               at, at,     at, at, NULL, 0,    ~0U};\n"
    "\n"
    "    room[0] = 0;\n"
    "    if (prctl(PR_SET_MM, PR_SET_MM_MAP, &map, sizeof(map), 0))\n"
    "        perror(\"the heap stays where it is\");\n"
    "    setrlimit(RLIMIT_MEMLOCK, &some);\n"
    "    if (fd >= 0)\n"
    "        fill_all(fd);\n"
    "    close(fd);\n"
    "    own_total = own(\"VmSize:\");\n"
    "    own_data = own(\"VmData:\") + (unsigned long)room[0];\n"
    "}\n";

void put_window(const struct world_config *c, FILE *to)
{
    fprintf(to,
            "\n#define FIRST (BASE + %#" PRIx64 " * PAGE)\n"
            "#define LAST (BASE + %#" PRIx64 " * PAGE)\n",
            c->mmap_min_addr, c->mmap_base);
    fputs(first_part, to);
    fputs(window_part, to);
    if (!c->privileged)
        fputs(drop_part, to);
}

void put_window_start(const struct world_config *c, bool huge, FILE *to)
{
    if (!huge)
        fputs("    prctl(PR_SET_THP_DISABLE, 1, 0, 0, 0);\n", to);
    fprintf(to, "    window(BASE + %#" PRIx64 " * PAGE);\n", c->start_brk);
    if (!c->privileged)
        fputs("    drop();\n", to);
}
