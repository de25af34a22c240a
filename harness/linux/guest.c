/* SPDX-License-Identifier: GPL-2.0-only */
/* The host's side of a guest: packs what it boots from, runs QEMU, passes on what it says. */
#define _GNU_SOURCE
#include "harness/linux/guest.h"

#include "harness/cmd.h"
#include "harness/linux/cpio.h"
#include "harness/linux/guest_lines.h"
#include "harness/linux/trail.h"

#include <elf.h>
#include <fcntl.h>
#include <libgen.h>
#include <link.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <unistd.h>

#define QEMU "qemu-system-x86_64"

/* ---- what the guest boots from ---- */
struct packer {
    FILE *to;
    char *message;
    size_t size;
};

/* The folders above, so that the file can be unpacked; again and again does no harm. */
static int pack_folders(FILE *to, const char *path)
{
    char name[4096];
    int err = 0;

    for (const char *slash = strchr(path + 1, '/'); slash && !err; slash = strchr(slash + 1, '/')) {
        snprintf(name, sizeof(name), "%.*s", (int)(slash - path), path);
        err = cpio_put(to, name + 1, S_IFDIR | 0755, NULL, 0);
    }
    return err;
}

static int pack(struct packer *p, const char *path, const char *from)
{
    const int err = pack_folders(p->to, path);

    return err ? err : cpio_put_file(p->to, path + 1, S_IFREG | 0755, from, p->message, p->size);
}

/* The libraries that this process runs with, under the names by which they were found. */
static int pack_library(struct dl_phdr_info *info, size_t size, void *arg)
{
    (void)size;
    if (info->dlpi_name[0] != '/') /* ourselves, and what the kernel provides */
        return 0;
    return pack(arg, info->dlpi_name, info->dlpi_name);
}

/* Who loads the libraries, under the name that the program asks for. */
static int pack_loader(struct dl_phdr_info *info, size_t size, void *arg)
{
    (void)size;
    for (unsigned i = 0; i < info->dlpi_phnum; i++)
        if (info->dlpi_phdr[i].p_type == PT_INTERP) {
            const char *name =
                (const char *)(uintptr_t)(info->dlpi_addr + info->dlpi_phdr[i].p_vaddr);
            const int err = pack(arg, name, name);

            return err ? err : 1;
        }
    return 1; /* the program comes first: it has none */
}

/* Where a file that the command names lies in the guest. */
static void place_of(const char *file, unsigned n, char *place, size_t size)
{
    const char *slash = strrchr(file, '/');

    snprintf(place, size, "/in/%u/%s", n, slash ? slash + 1 : file);
}

static int pack_arguments(struct packer *p, const struct guest_options *o)
{
    char *words = NULL;
    size_t size = 0;
    FILE *to = open_memstream(&words, &size);
    int err;

    if (!to)
        return -ENOMEM;
    fprintf(to, "%s%c", o->terminal ? GUEST_TERMINAL : "plain", 0);
    for (char *const *arg = o->argv + 1; *arg; arg++) {
        char place[4096];
        unsigned n = 0;

        while (o->files[n] && o->files[n] != *arg)
            n++;
        if (o->files[n])
            place_of(o->files[n], n, place, sizeof(place));
        fprintf(to, "%s%c", o->files[n] ? place : *arg, 0);
    }
    fclose(to);
    err = cpio_put(p->to, &GUEST_ARGUMENTS[1], S_IFREG | 0644, words, size);
    free(words);
    return err;
}

static int pack_all(struct packer *p, const struct guest_options *o)
{
    int err = pack(p, GUEST_PROGRAM, "/proc/self/exe");

    if (!err)
        err = dl_iterate_phdr(pack_library, p);
    if (!err && (err = dl_iterate_phdr(pack_loader, p)) == 1)
        err = 0;
    for (unsigned n = 0; o->files[n] && !err; n++) {
        char place[4096];

        place_of(o->files[n], n, place, sizeof(place));
        err = pack(p, place, o->files[n]);
    }
    if (!err)
        err = pack_arguments(p, o);
    return err ? err : cpio_end(p->to);
}

static bool make_initrd(const char *path, const struct guest_options *o)
{
    char message[200] = "";
    FILE *to = fopen(path, "wbe");
    struct packer p = {to, message, sizeof(message)};
    int err = to ? pack_all(&p, o) : -errno;

    if (to && fclose(to) && !err)
        err = -errno;
    if (err)
        complain("cannot make the guest's file system: %s", *message ? message : strerror(-err));
    return !err;
}

/* ---- QEMU ---- */
struct guest {
    const struct guest_options *o;
    char folder[64]; /* of what goes to QEMU and comes from it */
    char initrd[96], console[96], archive[96], trail[96];
    const char *accel;
    pid_t qemu;
    int out, err, said; /* pipes: the command's output and errors, what QEMU itself says */
    bool spoke;         /* the command, not the kernel */
    bool virtual_machine_broke, hangs;
};
/* Seconds within which a kernel says its first word if the processor's help works. In a guest that
 * is a host itself it may be there and not work. */
#define FIRST_WORD_KVM 5

const char *guest_missing(void)
{
    static const char *const places[] = {"/usr/bin/" QEMU, "/usr/local/bin/" QEMU};

    for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++)
        if (!access(places[i], X_OK))
            return NULL;
    return QEMU " is not installed (Debian: apt-get install qemu-system-x86)";
}

/* Its descriptors for what the command says, and how it is told of them. */
enum { OUT_FD = 3, ERR_FD = 4 };
#define OUT_LINE "file:/dev/fd/3"
#define ERR_LINE "file:/dev/fd/4"

/* In a process of its own, which does not hear Ctrl-C and does not survive us. */
static _Noreturn void become_qemu(const char *const *argv, int out, int err, int said, pid_t host)
{
    const int null = open("/dev/null", O_RDONLY);

    setpgid(0, 0);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != host)
        _exit(127);
    out = fcntl(out, F_DUPFD, 10); /* out of the way */
    err = fcntl(err, F_DUPFD, 10);
    dup2(null, STDIN_FILENO);
    dup2(said, STDOUT_FILENO);
    dup2(said, STDERR_FILENO);
    dup2(out, OUT_FD);
    dup2(err, ERR_FD);
    close(out);
    close(err);
    signal(SIGINT, SIG_DFL);
    signal(SIGTERM, SIG_DFL);
    execvp(QEMU, (char **)(uintptr_t)argv);
    dprintf(STDERR_FILENO, "cannot start " QEMU ": %s\n", strerror(errno));
    _exit(127);
}

static bool start_qemu(struct guest *g)
{
    char memory[16], console[128], archive[128], trail[128], append[256];
    const char *crash = getenv(GUEST_CRASH);
    /* Emulation makes string instructions byte by byte, which kernels prefer if the processor
     * calls them fast: clearing a page takes as long as a thousand other instructions. That of
     * cmpxchg16b spoils the flags in some versions of QEMU: kernels of 6.12 die of it. */
    const char *cpu = strcmp(g->accel, "tcg") ? "max" : "max,-erms,-fsrm,-cx16";
    const pid_t host = getpid();
    int out[2], err[2], said[2];

    snprintf(memory, sizeof(memory), "%u", g->o->memory);
    snprintf(console, sizeof(console), "file:%s", g->console);
    snprintf(archive, sizeof(archive), "file:%s", g->archive);
    snprintf(trail, sizeof(trail), "file:%s", g->trail);
    snprintf(append, sizeof(append),
             "console=" GUEST_CONSOLE " panic=-1 panic_on_oops=1 8250.nr_uarts=4 "
             "mitigations=off no_timer_check%s%.20s",
             crash ? " " GUEST_CRASH "=" : "", crash ? crash : "");
    if (pipe2(out, O_CLOEXEC) || pipe2(err, O_CLOEXEC) || pipe2(said, O_CLOEXEC)) {
        complain("cannot start " QEMU ": %s", strerror(errno));
        return false;
    }
    const char *argv[] = {QEMU,         "-nodefaults", "-no-user-config",
                          "-no-reboot", "-display",    "none",
                          "-M",         "q35",         "-cpu",
                          cpu,          "-accel",      g->accel,
                          "-m",         memory,        "-kernel",
                          g->o->image,  "-initrd",     g->initrd,
                          "-append",    append,        "-debugcon",
                          trail,        "-serial",     OUT_LINE,
                          "-serial",    console,       "-serial",
                          archive,      "-serial",     ERR_LINE,
                          NULL};

    fflush(NULL);
    g->qemu = fork();
    if (g->qemu == 0)
        become_qemu(argv, out[1], err[1], said[1], host);
    close(out[1]);
    close(err[1]);
    close(said[1]);
    g->out = out[0];
    g->err = err[0];
    g->said = said[0];
    if (g->qemu < 0)
        complain("cannot start " QEMU ": %s", strerror(errno));
    return g->qemu > 0;
}

/* What QEMU says is one line for us, or that the processor's virtualization is not to be relied on,
 * as in some guests that are hosts. */
static void hear_qemu(struct guest *g, const char *text, size_t size)
{
    if (memmem(text, size, "KVM internal error", 18))
        g->virtual_machine_broke = true;
    else if (!g->virtual_machine_broke)
        fwrite(text, 1, size, stderr);
}

/* One of the three has something, or has ended: false. */
static bool pass_on(struct guest *g, int fd)
{
    char buffer[4096];
    const ssize_t n = read(fd, buffer, sizeof(buffer));

    if (n <= 0)
        return false;
    if (fd == g->said) {
        hear_qemu(g, buffer, (size_t)n);
        return true;
    }
    g->spoke = true;
    fwrite(buffer, 1, (size_t)n, fd == g->out ? stdout : stderr);
    fflush(fd == g->out ? stdout : stderr);
    return true;
}

static bool is_empty(const char *path)
{
    struct stat st;

    return stat(path, &st) || !st.st_size;
}

/* How much there is of what the guest leaves without a word to us: it grows while it is at work. */
static uint64_t size_left(const struct guest *g)
{
    struct stat console = {0}, trail = {0};

    if (stat(g->console, &console) || stat(g->trail, &trail))
        return 0;
    return (uint64_t)console.st_size + (uint64_t)trail.st_size;
}

static void listen_to(struct guest *g)
{
    struct pollfd line[3] = {{g->out, POLLIN, 0}, {g->err, POLLIN, 0}, {g->said, POLLIN, 0}};
    const double started = seconds_now();
    double heard = started;
    uint64_t left = 0;

    while (line[0].fd >= 0 || line[1].fd >= 0 || line[2].fd >= 0) {
        const int ready = poll(line, 3, 200);

        for (unsigned i = 0; i < 3 && ready > 0; i++)
            if (line[i].revents) {
                heard = seconds_now();
                if (!pass_on(g, line[i].fd))
                    line[i].fd = -1;
            }
        if (size_left(g) != left) {
            left = size_left(g);
            heard = seconds_now();
        }
        g->hangs = seconds_now() - heard > g->o->silence;
        if (!strcmp(g->accel, "kvm") && seconds_now() - started > FIRST_WORD_KVM &&
            is_empty(g->console))
            g->virtual_machine_broke = true;
        if (g->hangs || *g->o->stop || g->virtual_machine_broke)
            break;
    }
    kill(g->qemu, SIGKILL);
    while (waitpid(g->qemu, NULL, 0) < 0 && errno == EINTR)
        ;
    close(g->out);
    close(g->err);
    close(g->said);
}

/* ---- what it left ---- */
struct harvest {
    const char *out;
    unsigned files;
    int status; /* -1: the guest did not come to its end */
};

static int take(void *arg, const char *name, const char *data, size_t size)
{
    struct harvest *h = arg;
    const struct bytes bytes = {data, size};
    char path[4096], message[4200];

    if (!strcmp(name, GUEST_STATUS)) {
        h->status = atoi(data);
        return 0;
    }
    if (!h->out || name[0] == '.')
        return 0;
    mkdir(h->out, 0777);
    snprintf(path, sizeof(path), "%s/%s", h->out, name);
    if (file_save(path, print_bytes, &bytes, message, sizeof(message)))
        complain("%s", message);
    else
        h->files++;
    return 0;
}

static void harvest(struct guest *g, struct harvest *h)
{
    char *data, message[200];
    size_t size;
    bool whole;

    if (file_load(g->archive, &data, &size, message, sizeof(message)))
        return;
    cpio_get(data, size, take, h, &whole);
    if (!whole)
        h->status = -1;
    free(data);
}

/* Where a kernel begins to say why it ends, if it did; otherwise its last lines. */
#define LAST_LINES 25
#define MOST_LINES 80
static const char *last_words_in(const char *data, size_t size)
{
    static const char *const marks[] = {
        "BUG: ", "Oops: ", "Kernel panic", "general protection", "kernel BUG at", "WARNING: "};
    const char *end = data + size, *first = end, *from = end;
    unsigned lines = 0;

    for (; from > data && lines <= MOST_LINES; from--)
        lines += from[-1] == '\n';
    for (size_t i = 0; i < sizeof(marks) / sizeof(*marks); i++) {
        const char *at = memmem(from, (size_t)(end - from), marks[i], strlen(marks[i]));

        first = at && at < first ? at : first;
    }
    if (first < end) {
        while (first > from && first[-1] != '\n')
            first--;
        return first;
    }
    for (lines = 0, from = end; from > data && lines <= LAST_LINES; from--)
        lines += from[-1] == '\n';
    return from;
}

/* The end of the kernel's console: each line after `before`. */
static void put_last_words(const struct guest *g, const char *before, FILE *to)
{
    char *data, message[200];
    const char *from;
    size_t size;

    if (file_load(g->console, &data, &size, message, sizeof(message)))
        return;
    from = last_words_in(data, size);
    for (const char *end = data + size; from < end;) {
        const char *line_end = memchr(from, '\n', (size_t)(end - from));
        const char *next = line_end ? line_end + 1 : end;

        fputs(before, to);
        for (; from < next; from++)
            if ((unsigned char)*from >= ' ' && (unsigned char)*from < 0x7f)
                fputc(*from, to);
        fputc('\n', to);
    }
    free(data);
}

static void last_words(const struct guest *g)
{
    if (is_empty(g->console)) {
        complain("%s does not start under " QEMU, g->o->image);
        return;
    }
    complain("the guest's kernel %s; the end of its console:",
             g->hangs ? "has not said anything for too long" : "died");
    put_last_words(g, "", stderr);
}

/* ---- the program that it died of ---- */
struct death {
    const struct guest *g;
    const char *text; /* begins with TRAIL_START */
    size_t size;
};

static void put_death(const void *what, FILE *to)
{
    const struct death *d = what;
    const char *name = strrchr(d->g->o->image, '/');

    fprintf(to, TRAIL_START "# The guest's kernel %s at or after the last operation. Image: %s\n",
            d->g->hangs ? "hung" : "died", name ? name + 1 : d->g->o->image);
    fputs("# The end of its console:\n", to);
    put_last_words(d->g, "# ", to);
    fwrite(d->text + strlen(TRAIL_START), 1, d->size - strlen(TRAIL_START), to);
}

/* True: the guest was at work. */
static bool store_death(const struct guest *g)
{
    struct death d = {.g = g};
    char *data, path[4096], message[4200];
    const char *lost = g->hangs ? "hung" : "died";
    uint32_t hash = 0;
    size_t size;

    if (file_load(g->trail, &data, &size, message, sizeof(message)))
        return false;
    d.text = trail_last(data, size, &d.size);
    for (size_t i = 0; d.text && i < d.size; i++)
        hash = hash * 31 + (unsigned char)d.text[i];
    if (d.text && g->o->out) {
        mkdir(g->o->out, 0777);
        snprintf(path, sizeof(path), "%s/guest-%s-%08x.vma", g->o->out, lost, hash);
        if (file_save(path, put_death, &d, message, sizeof(message)))
            complain("%s", message);
        else
            printf("BROKEN  subject.lost: the guest's kernel %s; its last program:\n  %s\n", lost,
                   path);
    } else if (d.text) {
        printf("BROKEN  subject.lost: the guest's kernel %s; its last program:\n%.*s", lost,
               (int)d.size, d.text);
    }
    free(data);
    return d.text;
}

/* ---- a run ---- */
static void remove_folder(const struct guest *g)
{
    unlink(g->initrd);
    unlink(g->console);
    unlink(g->archive);
    unlink(g->trail);
    rmdir(g->folder);
}

static bool make_folder(struct guest *g)
{
    const char *above = getenv("TMPDIR");

    snprintf(g->folder, sizeof(g->folder), "%.40s/vmafuzz-XXXXXX", above ? above : "/tmp");
    if (!mkdtemp(g->folder)) {
        complain("%s: %s", g->folder, strerror(errno));
        return false;
    }
    snprintf(g->initrd, sizeof(g->initrd), "%s/initrd", g->folder);
    snprintf(g->console, sizeof(g->console), "%s/console", g->folder);
    snprintf(g->archive, sizeof(g->archive), "%s/archive", g->folder);
    snprintf(g->trail, sizeof(g->trail), "%s/trail", g->folder);
    return true;
}

static int boot(struct guest *g, const char *accel)
{
    struct harvest h = {.out = g->o->out, .status = -1};

    g->accel = accel;
    g->spoke = g->virtual_machine_broke = g->hangs = false;
    if (!start_qemu(g))
        return STATUS_USAGE;
    listen_to(g);
    if (g->virtual_machine_broke && !*g->o->stop)
        return STATUS_USAGE;
    harvest(g, &h);
    if (*g->o->stop && h.status < 0 && h.files)
        complain("stopped; %u file%s of finds in %s", h.files, plural(h.files), h.out);
    if (h.status >= 0 || *g->o->stop)
        return h.status;
    last_words(g);
    return store_death(g) || g->spoke ? STATUS_FOUND : STATUS_USAGE;
}

int guest_run(const struct guest_options *o)
{
    const char *missing = guest_missing();
    struct guest g = {.o = o};
    int status = STATUS_USAGE;

    if (missing || access(o->image, R_OK)) {
        complain("%s%s%s", missing ? missing : o->image, missing ? "" : ": ",
                 missing ? "" : strerror(errno));
        return STATUS_USAGE;
    }
    if (!make_folder(&g))
        return STATUS_USAGE;
    if (make_initrd(g.initrd, o)) {
        if (!access("/dev/kvm", R_OK | W_OK))
            status = boot(&g, "kvm");
        else
            g.virtual_machine_broke = true;
        if (g.virtual_machine_broke && !*o->stop)
            status = boot(&g, "tcg");
    }
    remove_folder(&g);
    return status;
}
