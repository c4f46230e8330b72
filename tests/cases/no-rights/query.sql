select convert_to('{"viewer":'
  || coalesce((select '{"account":'
      || (to_json(t1.name)::text)
      || ',"city":'
      || 'null'
      || '}'
      from account t1
      where t1.id = $1::bigint
      and t1.id = $2::bigint), 'null')
  || ',"city":'
  || 'null'
  || ',"unit":'
  || 'null'
  || ',"node":'
  || 'null'
  || ',"issues":{"totalCount":'
  || (select (select count(*)
      from issue t6
      where false)
    || ',"nodes":['
    || coalesce(string_agg('{"number":'
        || (to_json(t6.number)::text)
        || ',"title":'
        || (to_json(t6.title)::text)
        || ',"state":"'
        || t6.state
        || '","unit":'
        || 'null'
        || '}', ','
        order by t6.number), '')
    from (select t6.*
      from issue t6
      where false
      order by t6.number
      limit 3) t6
    having true)
  || ']},"cadres":{"nodes":['
  || (select coalesce(string_agg('{"name":'
        || (to_json(t8.name)::text)
        || '}', ','
        order by t8.place) filter (where t8.place <= 50), '')
    || '],"pageInfo":{"hasNextPage":'
    || case
    when count(*) > 50 then 'true'
    else 'false' end
    || ',"endCursor":'
    || coalesce((array_agg('"'
          || translate(encode(convert_to($3::text
                || to_json(array[(t8.code)::text, t8.id::text])::text, 'UTF8'), 'base64'), E'+/=\n', '-_')
          || '"'
          order by t8.place desc) filter (where t8.place <= 50))[1], 'null')
    from (select t8.*, row_number() over (order by t8.code) as place
      from cadre t8
      where false
      order by t8.code
      limit 51) t8
    having true)
  || '}}}', 'UTF8')
-- $1 = 1
-- $2 = 1
-- $3 = 'faa2875fe9134829'
