/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Graphviz makes the layout of graphs: its command `dot`, started without a shell. What goes in
 * and out is kept in memory, in files without a name: nothing is left behind, and neither side
 * waits for the other.
 */
#define _GNU_SOURCE
#include "harness/draw_parts.h"

#include <errno.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum { IN, OUT, ERR, NR_FDS };

static int failed(char *message, size_t size, const char *what, int error)
{
    snprintf(message, size, "%s: %s", what, strerror(error));
    return -error;
}

static int write_all(int fd, const char *data, size_t size)
{
    while (size) {
        ssize_t n = write(fd, data, size);

        if (n < 0 && errno != EINTR)
            return errno;
        if (n > 0) {
            data += n;
            size -= (size_t)n;
        }
    }
    return lseek(fd, 0, SEEK_SET) < 0 ? errno : 0;
}

/* All of the file, whoever has its position where. */
static char *read_back(int fd)
{
    struct stat st;
    size_t n = 0, size;
    char *data;

    if (fstat(fd, &st))
        return NULL;
    size = (size_t)st.st_size;
    data = malloc(size + 1);
    while (data && n < size) {
        ssize_t got = pread(fd, data + n, size - n, (off_t)n);

        if (got == 0 || (got < 0 && errno != EINTR))
            break;
        n += got > 0 ? (size_t)got : 0;
    }
    if (data)
        data[n] = '\0';
    return data;
}

/* 0, or an errno value if it could not be started. */
static int start_dot(const int fd[NR_FDS], pid_t *pid)
{
    char name[] = "dot", format[] = "-Tplain", *const argv[] = {name, format, NULL};
    posix_spawn_file_actions_t actions;
    int error = posix_spawn_file_actions_init(&actions);

    if (error)
        return error;
    for (int i = 0; !error && i < NR_FDS; i++)
        error = posix_spawn_file_actions_adddup2(&actions, fd[i], i);
    if (!error)
        error = posix_spawnp(pid, name, &actions, NULL, argv, environ);
    posix_spawn_file_actions_destroy(&actions);
    return error;
}

/* Its own first line says more than its status. */
static int dot_gave_up(int status, int fd, char *message, size_t size)
{
    char *said = read_back(fd);

    if (said)
        said[strcspn(said, "\n")] = '\0';
    if (said && *said)
        snprintf(message, size, "Graphviz' dot failed: %s", said);
    else if (WIFSIGNALED(status))
        snprintf(message, size, "Graphviz' dot died (%s)", strsignal(WTERMSIG(status)));
    else
        snprintf(message, size, "Graphviz' dot failed with status %d", WEXITSTATUS(status));
    free(said);
    return -EIO;
}

static int run(const int fd[NR_FDS], const char *graph, char **plain, char *message, size_t size)
{
    int status, error = write_all(fd[IN], graph, strlen(graph));
    pid_t pid;

    if (error)
        return failed(message, size, "cannot keep a graph in memory", error);
    error = start_dot(fd, &pid);
    if (error)
        return failed(message, size,
                      "cannot run `dot' of Graphviz, which lays out the graph of anon_vmas", error);
    while (waitpid(pid, &status, 0) < 0)
        if (errno != EINTR)
            return failed(message, size, "lost sight of Graphviz' dot", errno);
    if (!WIFEXITED(status) || WEXITSTATUS(status))
        return dot_gave_up(status, fd[ERR], message, size);
    *plain = read_back(fd[OUT]);
    return *plain ? 0 : failed(message, size, "cannot read what Graphviz' dot says", ENOMEM);
}

int run_dot(const char *graph, char **plain, char *message, size_t size)
{
    static const char *const names[] = {"graph", "layout", "errors"};
    int fd[NR_FDS], n = 0, result = 0;

    for (; n < NR_FDS && !result; n++) {
        fd[n] = memfd_create(names[n], MFD_CLOEXEC);
        if (fd[n] < 0)
            result = failed(message, size, "cannot keep a graph in memory", errno);
    }
    if (!result)
        result = run(fd, graph, plain, message, size);
    while (n-- > 0)
        if (fd[n] >= 0)
            close(fd[n]);
    return result;
}
