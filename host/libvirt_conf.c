/* SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright the virt-tap authors */
#include "libvirt_conf.h"

#include <ctype.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#define BLANKS " \t"
#define ENDS "\r\n" /* of a line */

enum {
    DEPTH_MAX = 16 /* of lists in lists; libvirt has no limit, but also no setting that contains such lists */
};

struct reader {
    const char *at;
    unsigned int line;
};

enum kind { NUMBER, NEGATIVE, STRING, STRINGS, LIST /* not only of strings */ };

/* A value; start and length are those of a number or a string. */
struct value {
    enum kind kind;
    const char *start;
    size_t length;
};

static void skip(struct reader *in, const char *characters)
{
    for (; *in->at && strchr(characters, *in->at); in->at++)
        in->line += *in->at == '\n';
}

static void skip_line(struct reader *in)
{
    in->at += strcspn(in->at, ENDS);
}

static bool take(struct reader *in, char wanted)
{
    if (*in->at != wanted)
        return false;
    in->at++;
    return true;
}

/* In single or double quotes on one line, or in three double ones over several lines. */
static bool read_string(struct reader *in, struct value *out)
{
    static const char triple[] = "\"\"\"";
    const char quote[] = {*in->at, ENDS[0], ENDS[1], '\0'};

    if (strncmp(in->at, triple, 3) == 0 && strlen(in->at) > 6) {
        const char *end = strstr(in->at + 3, triple);
        if (!end)
            return false;
        *out = (struct value){STRING, in->at + 3, (size_t)(end - in->at - 3)};
        for (; in->at < end + 3; in->at++)
            in->line += *in->at == '\n';
        return true;
    }
    *out = (struct value){STRING, in->at + 1, strcspn(in->at + 1, quote)};
    in->at += 1 + out->length;
    return take(in, *quote);
}

static bool read_number(struct reader *in, struct value *out)
{
    out->kind = *in->at == '-' ? NEGATIVE : NUMBER;
    in->at += *in->at == '-' || *in->at == '+';
    out->start = in->at;
    out->length = strspn(in->at, "0123456789");
    in->at += out->length;
    return out->length > 0;
}

static bool read_value(struct reader *in, struct value *out, int depth);

/* A comma may also follow the last value. */
static bool read_list(struct reader *in, struct value *out, int depth)
{
    struct value one;

    out->kind = STRINGS;
    take(in, '[');
    skip(in, BLANKS ENDS);
    while (*in->at != ']') {
        if (depth >= DEPTH_MAX || !read_value(in, &one, depth + 1))
            return false;
        if (one.kind != STRING)
            out->kind = LIST;
        skip(in, BLANKS ENDS);
        if (!take(in, ',') && *in->at != ']')
            return false;
        skip(in, BLANKS ENDS);
    }
    return take(in, ']');
}

static bool read_value(struct reader *in, struct value *out, int depth)
{
    *out = (struct value){NUMBER, NULL, 0};
    skip(in, BLANKS);
    if (*in->at == '"' || *in->at == '\'')
        return read_string(in, out);
    if (*in->at == '[')
        return read_list(in, out, depth);
    return read_number(in, out);
}

/* NAME = VALUE, and perhaps a comment. */
static bool read_setting(struct reader *in, struct value *name, struct value *value)
{
    *name = (struct value){STRING, in->at, 0};
    if (!isalpha((unsigned char)*in->at))
        return false;
    while (isalnum((unsigned char)name->start[name->length]) || name->start[name->length] == '_')
        name->length++;
    in->at += name->length;
    skip(in, BLANKS);
    if (!take(in, '=') || !read_value(in, value, 0))
        return false;
    skip(in, BLANKS);
    if (*in->at == '#')
        skip_line(in);
    return true;
}

static enum conf_result copy(const struct value *value, char *out, size_t size)
{
    if (value->kind != STRING || value->length >= size)
        return CONF_OTHER;
    memcpy(out, value->start, value->length);
    out[value->length] = '\0';
    return CONF_STRING;
}

/* Reads up to the next setting, if there is one, which begins in *line. Returns 1; 0: at a comment or the
 * end; -1: there is an error. */
static int next(struct reader *in, struct value *name, struct value *value, unsigned int *line)
{
    *name = (struct value){STRING, NULL, 0};
    skip(in, BLANKS ENDS);
    *line = in->line;
    if (*in->at == '#')
        skip_line(in);
    else if (!read_setting(in, name, value))
        return -1;
    skip(in, BLANKS);
    if (!take(in, ';') && *in->at && !strchr(ENDS, *in->at))
        return -1;
    skip(in, BLANKS ENDS);
    return name->start != NULL;
}

static bool is_name(const struct value *name, const char *text)
{
    return name->length == strlen(text) && strncmp(name->start, text, name->length) == 0;
}

enum conf_result libvirt_conf_read(const char *text, const char *name, char *out, size_t size,
                                   unsigned int *line)
{
    enum conf_result result = CONF_NONE;
    struct reader in = {text, 1};
    struct value found, value;

    while (*in.at) {
        const int got = next(&in, &found, &value, line);
        if (got < 0)
            return CONF_BROKEN;
        if (got && result == CONF_NONE && is_name(&found, name))
            result = copy(&value, out, size);
    }
    return result;
}

/* What a setting of qemu.conf may be: the getters in src/qemu/qemu_conf.c, of libvirt 7.0 to 11.3. */
enum type { TEXT, FLAG, COUNT, INTEGER, TEXTS, TEXT_OR_TEXTS, TEXT_OR_COUNT, TYPES };

static const char *const types[TYPES] = {
    [TEXT] = "a string in quotes",
    [FLAG] = "0 or 1",
    [COUNT] = "a number, without a sign or quotes",
    [INTEGER] = "a number, without quotes",
    [TEXTS] = "a list of strings, as in [ \"a\", \"b\" ]",
    [TEXT_OR_TEXTS] = "a string in quotes, or a list of these",
    [TEXT_OR_COUNT] = "a string in quotes, or a number",
};

/* Names, each between blanks. */
static const char *const settings[TYPES] = {
    [TEXT] = " default_tls_x509_cert_dir default_tls_x509_secret_uuid vnc_listen vnc_tls_x509_cert_dir "
             "vnc_tls_x509_secret_uuid vnc_password vnc_sasl_dir spice_listen spice_tls_x509_cert_dir "
             "spice_password spice_sasl_dir chardev_tls_x509_cert_dir chardev_tls_x509_secret_uuid "
             "migrate_tls_x509_cert_dir migrate_tls_x509_secret_uuid backup_tls_x509_cert_dir "
             "backup_tls_x509_secret_uuid vxhs_tls_x509_cert_dir vxhs_tls_x509_secret_uuid "
             "nbd_tls_x509_cert_dir nbd_tls_x509_secret_uuid user group save_image_format dump_image_format "
             "snapshot_image_format auto_dump_path bridge_helper pr_helper slirp_helper dbus_daemon "
             "stdio_handler lock_manager migration_address migration_host memory_backing_dir swtpm_user "
             "swtpm_group sched_core deprecation_behavior ",
    [FLAG] = " default_tls_x509_verify vnc_auto_unix_socket vnc_tls vnc_tls_x509_verify vnc_sasl "
             "vnc_allow_host_audio spice_tls spice_auto_unix_socket spice_sasl chardev_tls "
             "chardev_tls_x509_verify migrate_tls_x509_verify migrate_tls_force backup_tls_x509_verify "
             "vxhs_tls nbd_tls nographics_allow_host_audio security_default_confined "
             "security_require_confined dynamic_ownership remember_owner auto_dump_bypass_cache "
             "auto_start_bypass_cache set_process_name dump_guest_core mac_filter relaxed_acs_check "
             "log_timestamp virtiofsd_debug ",
    [COUNT] = " remote_display_port_min remote_display_port_max remote_websocket_port_min "
              "remote_websocket_port_max max_processes max_files max_threads_per_process max_queued "
              "keepalive_count migration_port_min migration_port_max gluster_debug_level ",
    [INTEGER] = " keepalive_interval seccomp_sandbox ",
    [TEXTS] = " cgroup_controllers cgroup_device_acl namespaces capability_filters nvram ",
    [TEXT_OR_TEXTS] = " security_driver hugetlbfs_mount ",
    [TEXT_OR_COUNT] = " max_core ",
};

static bool suits(enum type type, const struct value *value)
{
    const enum kind kind = value->kind;

    switch (type) {
    case TEXT:
        return kind == STRING;
    case FLAG:
        return kind == NUMBER &&
               strspn(value->start, "0") + (value->start[value->length - 1] == '1') >= value->length;
    case COUNT:
        return kind == NUMBER;
    case INTEGER:
        return kind == NUMBER || kind == NEGATIVE;
    case TEXTS:
        return kind == STRINGS;
    case TEXT_OR_TEXTS:
        return kind == STRING || kind == STRINGS;
    default:
        return kind == STRING || kind == NUMBER;
    }
}

/* Returns the type of a setting; TYPES: it is not known, as one of a later libvirt. */
static enum type type_of(const char *name)
{
    char word[CONF_NAME_SIZE + 2];
    unsigned int type = 0;

    snprintf(word, sizeof(word), " %s ", name);
    while (type < TYPES && !strstr(settings[type], word))
        type++;
    return (enum type)type;
}

static bool is_repeated(const char *text, const char *before, const char *name)
{
    struct reader in = {text, 1};
    struct value found, value;
    unsigned int line;

    while (*in.at) {
        if (next(&in, &found, &value, &line) > 0 && is_name(&found, name))
            return found.start < before;
    }
    return false;
}

const char *libvirt_conf_mistyped(const char *text, char name[CONF_NAME_SIZE], unsigned int *line)
{
    struct reader in = {text, 1};
    struct value found, value;
    int got;

    while (*in.at && (got = next(&in, &found, &value, line)) >= 0) {
        if (!got || found.length >= CONF_NAME_SIZE)
            continue;
        snprintf(name, CONF_NAME_SIZE, "%.*s", (int)found.length, found.start);
        const enum type type = type_of(name);
        if (type < TYPES && !suits(type, &value) && !is_repeated(text, found.start, name))
            return types[type];
    }
    return NULL;
}
