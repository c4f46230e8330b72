select convert_to('{"issues":{"edges":['
  || (select coalesce(string_agg('{"cursor":'
        || '"'
        || translate(encode(convert_to($2::text
              || to_json(array[(coalesce(t1.due_at, 'infinity'))::text, t1.id::text])::text, 'UTF8'), 'base64'), E'+/=\n', '-_')
        || '"'
        || ',"node":'
        || '{"number":'
        || (to_json(t1.number)::text)
        || ',"dueAt":'
        || coalesce(to_json(t1.due_at)::text, 'null')
        || '}'
        || '}', ','
        order by t1.place) filter (where t1.place <= 2), '')
    || '],"pageInfo":{"hasPreviousPage":false,"hasNextPage":'
    || case
    when count(*) > 2 then 'true'
    else 'false' end
    || ',"startCursor":'
    || coalesce((array_agg('"'
          || translate(encode(convert_to($2::text
                || to_json(array[(coalesce(t1.due_at, 'infinity'))::text, t1.id::text])::text, 'UTF8'), 'base64'), E'+/=\n', '-_')
          || '"'
          order by t1.place) filter (where t1.place <= 2))[1], 'null')
    || ',"endCursor":'
    || coalesce((array_agg('"'
          || translate(encode(convert_to($2::text
                || to_json(array[(coalesce(t1.due_at, 'infinity'))::text, t1.id::text])::text, 'UTF8'), 'base64'), E'+/=\n', '-_')
          || '"'
          order by t1.place desc) filter (where t1.place <= 2))[1], 'null')
    from (select t1.*, row_number() over (order by coalesce(t1.due_at, 'infinity'), t1.id) as place
      from issue t1
      where t1.city_id = $1::bigint
      and (t1.handed_over_at is not null)
      order by coalesce(t1.due_at, 'infinity'), t1.id
      limit 3) t1
    having true)
  || '}}}', 'UTF8')
-- $1 = 1
-- $2 = 'ce334456265d7d90'
