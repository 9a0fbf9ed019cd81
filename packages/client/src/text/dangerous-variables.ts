/**
 * Variables that can make a program run other code or trust others: those of the loader, shells, interpreters, virtual
 * machines, git and TLS libraries. Such a list is never complete; only a prefix for all variables rules them out.
 */
const DANGEROUS = new RegExp(
  `^(?:${[
    // The loader and the C library.
    'LD_.*|DYLD_.*|GCONV_PATH|LOCPATH|NLSPATH|GLIBC_TUNABLES|MALLOC_.*|HOSTALIASES|RES_OPTIONS',
    // Shells, and the programs that they and their users start.
    'PATH|IFS|ENV|BASH_ENV|BASH_FUNC_.*|BASHOPTS|SHELLOPTS|PROMPT_COMMAND|PS[0-4]|CDPATH|FPATH|GLOBIGNORE|ZDOTDIR',
    'SHELL|EDITOR|VISUAL|PAGER|MANPAGER|BROWSER|LESSOPEN|LESSCLOSE|TERMINFO|TERMCAP|MAKEFLAGS',
    // Where programs look for their configuration.
    'HOME|XDG_.*_(?:HOME|DIRS)|AWS_CONFIG_FILE|KUBECONFIG|CONFIDANT_(?:CONFIG_FILES|URL)',
    'NODE_(?:OPTIONS|PATH|EXTRA_CA_CERTS|TLS_REJECT_UNAUTHORIZED)',
    'NPM_CONFIG_(?:NODE_OPTIONS|SCRIPT_SHELL|USERCONFIG|GLOBALCONFIG|PREFIX)',
    'PYTHON[A-Z].*|PERL5?(?:OPT|LIB|DB)|PERL_.*|RUBY(?:OPT|LIB|SHELL)|GEM_(?:HOME|PATH)|BUNDLE_GEMFILE',
    '.*_?JAVA_(?:TOOL_)?OPTIONS|.*JAVA_OPTS|(?:JVM|MAVEN|GRADLE|CATALINA|SBT)_OPTS|JAVA_HOME|CLASSPATH',
    'PHPRC|PHP_INI_SCAN_DIR|LUA_(?:C?PATH|INIT).*|R_(?:HOME|PROFILE.*|ENVIRON.*|LIBS.*)|GOFLAGS|RUSTC(?:_.*)?_WRAPPER',
    'ERL_(?:[AZ]?FLAGS|LIBS)|ELIXIR_ERL_OPTIONS',
    'DOTNET_(?:STARTUP_HOOKS|ADDITIONAL_DEPS|SHARED_STORE|ROOT)|COR(?:ECLR)?_PROFILER.*|COR(?:ECLR)?_ENABLE_PROFILING',
    // Git runs programs that these name; it does not read GIT_TOKEN and the like.
    'GIT_(?:SSH.*|CONFIG.*|EXEC_PATH|ASKPASS|EDITOR|SEQUENCE_EDITOR|PAGER|EXTERNAL_DIFF|PROXY_COMMAND|TEMPLATE_DIR|DIR)',
    'SSH_ASKPASS|SUDO_ASKPASS',
    // What TLS trusts, and which modules it loads.
    'OPENSSL_(?:CONF|MODULES|ENGINES)|SSL_CERT_(?:FILE|DIR)|CURL_CA_BUNDLE|REQUESTS_CA_BUNDLE|CURL_HOME',
  ].join('|')})$`,
  's',
);

/** Whether a variable of this name, in capitals, can change what code programs run or whom they trust. */
export function isDangerousVariable(name: string): boolean {
  return DANGEROUS.test(name);
}
