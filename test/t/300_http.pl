# The sender's HTTP side against servers that behave badly, nginx, TLS and a mail
# server: every answer and every way of having none, what is refused, and that no
# secret gets into an error. Built with AddressSanitizer.
use strict;
use warnings;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use TracerHttp;

my $dir = $PostgreSQL::Test::Utils::tmp_check;
my $drive = "$dir/drive";
build_drive($drive, '-fsanitize=address,undefined', '-fno-sanitize-recover=undefined', '-Wall', '-Werror');
my $port = start_server('receiver', 'receiver.py');
my $url = "http://127.0.0.1:$port";
my ($longest, $threads);

# drive([options], [fields of a request], ...): by number, [status, retry_after, length, words].
sub drive
{
	my ($options, @requests) = @_;
	my $input = "$dir/requests";
	open(my $f, '>', $input) or die $!;
	print $f join("\t", @$_), "\n" foreach @requests;
	close $f;
	my $out = `$drive @$options <$input 2>$dir/drive.err`;
	is($?, 0, 'the driver ends well') or diag(slurp_file("$dir/drive.err"));
	my %answers;
	# What a server says may hold line breaks: only the first line counts.
	foreach my $line (split /\n/, $out)
	{
		$longest = $1 if $line =~ /^longest\t([\d.]+)$/;
		$threads = $1 if $line =~ /^threads\t(\d+)$/;
		$answers{$1} //= [ $2, $3, $4, $5 ] if $line =~ /^(\d+)\t(\d+)\t([\d.e+]+)\t(\d+)\t(.*)$/;
	}
	is(scalar keys %answers, scalar @requests, 'each request has one answer');
	return map { $answers{$_} } 1 .. @requests;
}

# one([options], fields...): a single request.
sub one { my ($options, @request) = @_; return (drive($options, \@request))[0]; }

# ---- answers -----------------------------------------------------------------
my @a = drive(['-p'],
	[ 2000, 'POST', "$url/ok", 'hello' ],
	[ 2000, 'POST', "$url/status/500", 'x' ],
	[ 2000, 'POST', "$url/status/404", 'x' ],
	[ 2000, 'POST', "$url/retry/17", 'x' ],
	[ 2000, 'POST', "$url/date/40", 'x' ],
	[ 2000, 'POST', "$url/date/-40", 'x' ],
	[ 2000, 'POST', "$url/redirect", 'x' ],
	[ 2000, 'POST', "$url/huge/5000000", 'x' ],
	[ 2000, 'POST', "$url/cut", 'x' ],
	[ 700, 'POST', "$url/drip", 'x' ],
	[ 2000, 'GET', "$url/echo" ],
	[ 2000, 'PUT', "$url/echo", 'body', 'header=X-One: 1', 'header=Content-Type: text/x' ]);
is("$a[0][0] $a[1][0] $a[2][0]", '200 500 404', 'the status of an answer');
is("$a[3][0] $a[3][1]", '429 17', 'Retry-After in seconds');
is($a[4][0], 503, '503 with a date');
ok($a[4][1] >= 37 && $a[4][1] <= 40, "Retry-After as a date ($a[4][1])");
is($a[5][1], 0, 'a date that has passed says nothing');
is($a[6][0], 302, 'a redirect is an answer');
is(scalar(grep { $_->{path} eq '/redirected' } server_log('receiver')), 0, 'and not followed');
is("$a[7][0] $a[7][2]", '200 65536', 'a huge body is cut off; its status counts');
is("$a[8][0] $a[8][2]", '200 500', 'so it does where the body breaks off');
is($a[9][0], 200, 'and where it never ends');
like($a[10][3], qr{^GET /echo HTTP/1.1}, 'GET');
like($a[11][3], qr{^PUT /echo HTTP/1.1}, 'PUT');

# ---- no answer ---------------------------------------------------------------
@a = drive(['-p'],
	[ 2000, 'POST', "$url/drop", 'x' ],
	[ 2000, 'POST', "$url/reset", 'x' ],
	[ 2000, 'POST', "$url/garbage", 'x' ],
	[ 400, 'POST', "$url/never", 'x' ],
	[ 2000, 'POST', 'http://127.0.0.1:1/', 'x' ],
	[ 2000, 'POST', 'http://no-such-host.invalid/', 'x' ],
	[ 2000, 'POST', 'ftp://127.0.0.1/', 'x' ],
	[ 2000, 'POST', 'file:///etc/passwd', 'x' ],
	[ 2000, 'POST', 'no url', 'x' ],
	[ 2000, 'POST', '', 'x' ],
	[ 2000, 'post it', "$url/ok", 'x' ],
	[ 2000, 'POST', "$url/ok", 'x', "header=X-A: b\rX-B: c" ],
	[ 2000, 'POST', "$url/ok", 'x', 'header=Host: elsewhere.example' ]);
is(join(' ', map { $_->[0] } @a), '0 0 0 0 0 0 0 0 0 0 0 0 0', 'no status where no answer came');
like($a[3][3], qr/^timed out after [45]\d\d ms while waiting for the answer, host "127.0.0.1"$/, 'the phase in which time ran out');
like($a[4][3], qr/could not connect to host "127.0.0.1": Connection refused/, 'nobody listens');
like($a[5][3], qr/could not resolve host "no-such-host.invalid"/, 'no such host');
like($a[$_][3], qr/malformed URL/, "URL number $_") foreach (6 .. 9);
like($a[10][3], qr/malformed HTTP method/, 'method');
like($a[$_][3], qr/malformed or reserved HTTP header number 1/, "header $_") foreach (11, 12);

$drive = "ulimit -n 40; $drive";
@a = drive([ '-p', '-n', 60 ], map { [ 3000, 'POST', "$url/delay/300/ok", 'x' ] } 1 .. 60);
$drive =~ s/^.*; //;
is(join(' ', sort { $a cmp $b } grep { !/ok|Too many open files/ } map { $_->[3] } @a), '', 'out of descriptors');
cmp_ok(scalar(grep { $_->[0] == 200 } @a), '>', 10, 'which stops only those that need one');

# ---- a caller who is busy ------------------------------------------------------
@a = drive([ '-p', '-w', 1500 ], [ 1000, 'POST', "$url/delay/600/ok", 'x' ], [ 1000, 'POST', "$url/never", 'x' ], [ 1000, 'POST', "$url/drip", 'x' ]);
is("$a[0][0] $a[2][0]", '200 200', 'an answer that came in time counts, however late it is read');
like($a[1][3], qr/^timed out after 2[5-9]\d\d ms while waiting for the answer/, 'one that does not come ends all the same');

# ---- what is refused -----------------------------------------------------------
my @private = map { [ 2000, 'POST', $_, 'x' ] }
  ("$url/ok", "http://localhost:$port/ok", "http://0x7f.1:$port/ok", "http://2130706433:$port/ok",
	"http://[::1]:$port/ok", "http://[::ffff:127.0.0.1]:$port/ok", 'http://169.254.169.254/latest/',
	'http://10.0.0.1/', 'http://192.168.1.1/', 'http://0.0.0.0/', 'smtp://127.0.0.1/');
push @{ $private[-1] }, 'from=a@b.c', 'to=d@e.f';
my $before = () = server_log('receiver');
@a = drive([], @private);
like($a[$_][3], qr/is not public, and tracer.allow_private_addresses is off/, "refused: $private[$_][2]") foreach (0 .. $#a);
@a = drive([ '-p', '-a', "'*.example.com, 127.0.0.1:1'" ], [ 2000, 'POST', "$url/ok", 'x' ]);
like($a[0][3], qr/is not in tracer.allowed_hosts/, 'a host that is not on the list');
is(scalar(my @l = server_log('receiver')), $before, 'nothing of it arrived');
@a = drive([ '-p', '-a', "'*.example.com, 127.0.0.1:$port'" ], [ 2000, 'POST', "$url/ok", 'x' ]);
is($a[0][0], 200, 'a host that is');

# ---- secrets -------------------------------------------------------------------
my $secret = 'hunter2-hunter2';
@a = drive(['-p'],
	[ 2000, 'POST', "$url/echo", $secret, "secret=$secret" ],
	[ 400, 'POST', "http://u:$secret\@127.0.0.1:$port/never", 'x' ],
	[ 2000, 'POST', "http://u:$secret\@127.0.0.1:1/$secret", 'x', "secret=$secret" ],
	[ 2000, 'POST', "http://$secret bad/$secret", 'x' ],
	[ 2000, 'POST', "gopher://127.0.0.1/$secret", 'x' ],
	[ 2000, 'POST', "$url/ok", 'x', "header=Authorization: $secret\x01" ],
	[ 2000, 'POST', "$url/garbage?$secret", 'x' ]);
unlike(slurp_file("$dir/drive.err") . join(' ', map { $_->[3] } @a), qr/hunter2/, 'no secret in an answer or an error');

# ---- many at once, one endpoint dead --------------------------------------------
@a = drive([ '-p', '-n', 100 ], (map { [ 6000, 'POST', "$url/never", 'x' ] } 1 .. 80),
	(map { [ 3000, 'POST', "$url/delay/10", 'x' ] } 1 .. 2000));
is(scalar(grep { $_->[0] == 200 } @a), 2000, 'all that can arrive do, beside 80 that hang on the same host');
my %connections = map { $_->{connection} => 1 } grep { $_->{path} eq '/delay/10' } server_log('receiver');
cmp_ok(scalar keys %connections, '<=', 110, 'over connections that are kept');

# ---- many to one host: those who wait for an answer hold up nobody -----------------
@a = drive([ '-p', '-n', 120 ], (map { [ 2500, 'POST', "$url/never", 'x' ] } 1 .. 100), [ 1500, 'POST', "$url/ok", 'x' ]);
is($a[100][0], 200, 'beside a hundred that hang another request to the same host is answered');

# ---- name resolution in threads ---------------------------------------------------
drive(['-p'], map { [ 1000, 'POST', "http://no-such-host-$_.invalid/", 'x' ] } 1 .. 20);
is($threads, 0, 'threads of the library block signals');

# ---- TLS ---------------------------------------------------------------------------
my $tls = "$dir/tls";
make_certificates($tls);
my $tls_port = start_server('tls', 'receiver.py', '--cert', "$tls/cert.pem", '--key', "$tls/key.pem");
@a = drive(['-p'], [ 3000, 'POST', "https://localhost:$tls_port/ok", 'x' ]);
like($a[0][3], qr/^no TLS with host "localhost": /, 'a certificate of an unknown authority is refused');
@a = drive([ '-p', '-c', "$tls/ca.pem" ], [ 3000, 'POST', "https://localhost:$tls_port/ok", 'x' ]);
is($a[0][0], 200, 'one of a known authority is accepted');
my $request = "3000\tPOST\thttps://localhost:$tls_port/ok\tx";
system("openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=another-ca -keyout $dir/another.key -out $dir/another.pem >$tls/log 2>&1") == 0 or die;
my $out = `(cp $dir/another.pem $dir/ca; echo '$request'; sleep 2; cp $tls/ca.pem $dir/ca; echo '$request') | $drive -p -n 1 -c $dir/ca 2>&1`;
like($out, qr/^1\t0\t.*no TLS.*^2\t200\t/ms, 'a file of authorities counts as it is now');
$request =~ s{/ok}{/cut};
$out = `(cp $tls/ca.pem $dir/ca; echo '$request'; sleep 2; cp $dir/another.pem $dir/ca; echo '$request') | $drive -p -n 1 -c $dir/ca 2>&1`;
like($out, qr/^1\t200\t.*^2\t0\t.*no TLS/ms, 'for a server that was reached before, too');
@a = drive([ '-p', '-c', "$tls/ca.pem" ], [ 3000, 'POST', "https://127.0.0.2:$tls_port/ok", 'x' ]);
like($a[0][3], qr/could not connect|no TLS/, 'but not for another name');
@a = drive([ '-p', '-c', "$dir/no-such-file" ], [ 3000, 'POST', "https://localhost:$tls_port/ok", 'x' ]);
like($a[0][3], qr/^no TLS with host "localhost": /, 'a file of authorities that cannot be read lets nobody in');
@a = drive([ '-p', '-c', "$tls/ca.pem" ], [ 1500, 'POST', "https://localhost:$port/ok", 'x' ]);
is($a[0][0], 0, 'no TLS on the other side');

# ---- nginx ----------------------------------------------------------------------------
SKIP:
{
	my $nginx = (grep { -x } map { "$_/nginx" } split(/:/, $ENV{PATH}), '/usr/sbin', '/usr/local/sbin')[0];
	skip 'no nginx', 5 unless $nginx;
	my $n = "$dir/nginx";
	my $nginx_port = PostgreSQL::Test::Cluster::get_free_port();
	mkdir $n;
	open(my $f, '>', "$n/conf") or die $!;
	print $f <<END;
daemon off; pid $n/pid; error_log $n/error; worker_processes 1;
events { worker_connections 512; }
http {
	access_log off; client_body_temp_path $n/b; proxy_temp_path $n/p; fastcgi_temp_path $n/f; uwsgi_temp_path $n/u; scgi_temp_path $n/s;
	limit_req_zone \$binary_remote_addr zone=z:1m rate=1r/m;
	server {
		listen 127.0.0.1:$nginx_port ssl http2;
		ssl_certificate $tls/cert.pem; ssl_certificate_key $tls/key.pem;
		location /hook { return 200 '{"ok":true}'; }
		location /limited { limit_req zone=z; limit_req_status 429; add_header Retry-After 33 always; proxy_pass http://127.0.0.1:$port/ok; }
		location /gone { proxy_pass http://127.0.0.1:1/; }
	}
}
END
	close $f;
	my $pid = fork();
	if ($pid == 0) { open(STDERR, '>', "$n/err"); exec($nginx, '-e', "$n/error", '-c', "$n/conf") or exit 1; }
	wait_until(sub { -s "$n/pid" }, 'nginx runs', 10);
	my @tls = ('-p', '-c', "$tls/ca.pem");
	my $u = "https://localhost:$nginx_port";
	@a = drive([ @tls, '-n', 50 ], (map { [ 30000, 'POST', "$u/hook", 'x' ] } 1 .. 500),
		[ 30000, 'POST', "$u/gone", 'x' ], map { [ 30000, 'POST', "$u/limited", 'x' ] } 1 .. 3);
	is(join("\n", map { $_->[3] } grep { $_->[0] != 200 } @a[0 .. 499]), '', 'nginx over TLS');
	is($a[500][0], 502, 'nothing behind it');
	is(join(' ', sort map { "$_->[0]/$_->[1]" } @a[501 .. 503]), '200/33 429/33 429/33', 'its limit of requests');
	kill('QUIT', $pid);
	waitpid($pid, 0);
}

# ---- mail --------------------------------------------------------------------------------
my $mail_port = start_server('mail', 'mailbox.py', '--cert', "$tls/cert.pem", '--key', "$tls/key.pem", '--password', $secret);
my $plain_port = start_server('plain', 'mailbox.py');
my $text = 'From: a@b.c\nTo: d@e.f\nSubject: late\n\n.dot\nhello\n';
my $mail = "smtp://localhost:$mail_port";
my $from = 'from=tracer@example.com';
my @login = ('user=tracer', "password=$secret", 'starttls');
@a = drive([ '-p', '-c', "$tls/ca.pem" ],
	[ 5000, '', $mail, $text, $from, 'to=one@example.com', 'to=two@example.com', @login ],
	[ 5000, '', $mail, $text, $from, 'to=gone@example.com', 'to=three@example.com', @login ],
	[ 5000, '', $mail, $text, $from, 'to=gone@example.com', @login ],
	[ 5000, '', $mail, $text, $from, 'to=busy@example.com', @login ],
	[ 5000, '', $mail, $text, $from, 'to=x@example.com', 'user=tracer', 'password=wrong-password', 'starttls' ],
	[ 5000, '', $mail, $text, $from, 'to=x@example.com', 'user=tracer', "password=$secret" ],
	[ 5000, '', "smtp://localhost:$plain_port", $text, $from, 'to=x@example.com', 'starttls' ],
	[ 5000, '', "smtp://localhost:$plain_port", $text, $from, 'to=four@example.com' ],
	[ 5000, '', $mail, $text, $from, "to=x\@example.com>\r", @login ],
	[ 5000, '', $mail, $text, $from, @login ],
	[ 5000, '', "smtp://localhost:1", $text, $from, 'to=x@example.com' ]);
is("$a[0][0] $a[0][3]", '250 250 2.0.0 queued as 42', 'a mail over STARTTLS with a password');
like("$a[1][0] $a[1][3]", qr/^250 550 5.1.1 no such user/, 'one recipient that is gone does not stop the other, and is told');
is($a[2][0], 550, 'the only recipient is gone');
is($a[3][0], 451, 'the server is busy');
is($a[4][0], 535, 'a wrong password');
like($a[5][3], qr/would send the password unencrypted/, 'no password without TLS');
is($a[6][0], 0, 'no STARTTLS where it is wanted');
is("$a[7][0] $a[7][3]", '250 250 2.0.0 queued as 42', 'without it where it is not');
like($a[8][3], qr/malformed mail address number 1/, 'no command in an address');
like($a[9][3], qr/needs a sender, recipients and a text/, 'no recipient');
like($a[10][3], qr/could not connect/, 'no server');
my @mails = server_log('mail');
is(join('; ', sort map { join(',', @{ $_->{to} }) } @mails), 'one@example.com,two@example.com; three@example.com', 'what arrived');
is($mails[0]{data}, "From: a\@b.c\r\nTo: d\@e.f\r\nSubject: late\r\n\r\n.dot\r\nhello\r\n", 'as it was written');
unlike(join(' ', map { $_->[3] } @a), qr/hunter2/, 'no password in an answer');
@a = drive([ '-p', '-n', 1 ],
	[ 5000, '', "smtp://localhost:$plain_port", $text, $from, 'to=plain@example.com' ],
	[ 5000, '', "smtp://localhost:$plain_port", $text, $from, 'to=secret@example.com', 'starttls' ]);
is(join(' ', map { $_->[0] } @a), '250 0', 'a mail that wants TLS does not take the connection of one that does not');


# ---- mail servers that behave badly --------------------------------------------------------
my $bad = 'smtp://127.0.0.1:' . start_server('badmail', 'badmail.py');
sub mail { my ($path, @to) = @_; return [ 3000, '', "$bad/$path", $text, $from, map { "to=$_\@example.com" } @to ]; }
@a = drive(['-p'],
	mail('stall-ehlo', 'a'), mail('stall-data', 'a', 'gone'), mail('slow/1000', 'a'), mail('slow/9000', 'a'), mail('stall-quit', 'a'),
	mail('drop-data', 'a', 'gone'), mail('drop-data', 'gone', 'a'), mail('drop-end', 'a', 'gone'), mail('refuse', 'a'), mail('leave', 'a'),
	[ 3000, '', "$bad/drop-end", '', $from, 'to=a@example.com' ], mail('ok', 'gone', 'busy'), mail('ok', 'busy', 'gone'), mail('ok', 'gone', 'gone2'), mail('ok', 'a', 'gone'));
cmp_ok($longest, '<', 1000, "nobody waits for a mail server ($longest ms)");
like($a[0][3], qr/^timed out after \d+ ms while talking to the mail server/, 'one that says nothing');
like($a[1][3], qr/^timed out after [34]\d\d\d ms while talking to the mail server/, 'a refused recipient is not the answer where none came');
is("$a[2][0] $a[2][3]", '250 250 as 7', 'a mail server may take its time');
like($a[3][3], qr/^timed out after [34]\d\d\d ms/, 'but not too long');
is("$a[4][0] $a[4][3]", '250 250 as 7', 'one that does not say goodbye has taken the mail');
is(join(' ', map { $a[$_][0] } 5 .. 7), '0 0 0', 'a lost connection is no refusal, whatever was said of a recipient before');
is("$a[8][0] $a[9][0]", '554 421', 'a refusal of the text, and a server that leaves');
is(join(' ', map { $a[$_][0] } 10 .. 14), '0 451 451 550 250', 'an empty mail that nobody took; where one recipient is to be tried again, all are');
is(join(' ', sort map { $_->{path} } grep { $_->{path} !~ /9000/ } server_log('badmail')), 'ok slow/1000 stall-quit', 'what was taken');

cmp_ok($longest, '<', 2000, "no call waits ($longest ms)");
done_testing();
