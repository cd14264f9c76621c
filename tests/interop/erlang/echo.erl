-module(echo).
-export([client/1, server/1, udp_client/1, udp_server/1]).

client([Ip, Port, Way]) ->
    Stdio = open_port({fd, 0, 1}, [stream, binary, eof]),
    Word = word(Stdio, <<>>),
    {ok, Sock} = gen_tcp:connect(Ip, list_to_integer(Port), [binary, {active, false}]),
    ok = gen_tcp:send(Sock, Word),
    Answer = case Way of
        "half_close" -> ok = gen_tcp:shutdown(Sock, write), rest(Sock, <<>>);
        "count" -> {ok, Bytes} = gen_tcp:recv(Sock, byte_size(Word)), Bytes
    end,
    port_command(Stdio, Answer),
    halt().

word(Stdio, Word) ->
    receive {Stdio, {data, Data}} -> word(Stdio, <<Word/binary, Data/binary>>); {Stdio, eof} -> Word end.

rest(Sock, Bytes) ->
    case gen_tcp:recv(Sock, 0) of {ok, Data} -> rest(Sock, <<Bytes/binary, Data/binary>>); {error, closed} -> Bytes end.

server([Ip, Port]) ->
    {ok, Address} = inet:parse_address(Ip),
    {ok, Server} = gen_tcp:listen(list_to_integer(Port), [binary, {ip, Address}, {active, false}]),
    accept(Server).

accept(Server) ->
    {ok, Client} = gen_tcp:accept(Server),
    gen_tcp:controlling_process(Client, spawn(fun() -> echo(Client) end)),
    accept(Server).

echo(Client) ->
    case gen_tcp:recv(Client, 0) of
        {ok, Data} -> gen_tcp:send(Client, Data), echo(Client);
        {error, closed} -> gen_tcp:close(Client)
    end.

udp_client([Ip, Port]) ->
    Stdio = open_port({fd, 0, 1}, [stream, binary, eof]),
    {ok, Sock} = gen_udp:open(0, [binary, {active, false}]),
    ok = gen_udp:send(Sock, Ip, list_to_integer(Port), word(Stdio, <<>>)),
    {ok, {_, _, Answer}} = gen_udp:recv(Sock, 0),
    port_command(Stdio, Answer),
    halt().

udp_server([Ip, Port]) ->
    {ok, Address} = inet:parse_address(Ip),
    {ok, Sock} = gen_udp:open(list_to_integer(Port), [binary, {ip, Address}, {active, false}]),
    datagrams(Sock).

datagrams(Sock) ->
    {ok, {Ip, Port, Data}} = gen_udp:recv(Sock, 0),
    gen_udp:send(Sock, Ip, Port, Data),
    datagrams(Sock).
